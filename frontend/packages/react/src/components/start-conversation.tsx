import { isHandle, MAX_HANDLE_LENGTH, recipientOf, typedHandle } from '@cruddur/client';
import { type SubmitEvent, useId, useState } from 'react';
import { useComponents, useMessages, useBaseTexts } from '../context.ts';
import { useMe, useUser } from '../hooks/data.ts';
import { useDebounced } from '../hooks/use-debounced.ts';
import { explain } from '../texts/explain.ts';
import { Handle, Name } from './labels.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The search for a recipient by handle. */
export function StartConversation() {
  const { me } = useMe();
  const { onPlace } = useMessages();
  const texts = useBaseTexts();
  const { Avatar = DefaultAvatar } = useComponents();
  const [text, setText] = useState('');
  const id = useId();
  const handle = typedHandle(text);
  const settled = useDebounced(handle, 300);
  const { user, error } = useUserWithoutPeriods(settled);
  const ready = settled === handle;

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    const known = ready ? user : undefined;
    if (isHandle(handle) && known !== null && known?.uuid !== me?.uuid) {
      setText('');
      const person = known && recipientOf(known);
      onPlace({ kind: 'handle', handle: known?.handle ?? handle, person }, false);
    }
  }

  return (
    <form className="cruddur cruddur-start" role="search" aria-label={texts.text('start.label')} onSubmit={submit}>
      <label htmlFor={id} className="cruddur-visually-hidden">
        {texts.text('start.field')}
      </label>
      {/* The placeholder has the direction of the page. */}
      <div className="cruddur-start-field" dir={text === '' ? undefined : 'ltr'}>
        <span aria-hidden="true">@</span>
        <input
          id={id}
          type="text"
          placeholder={texts.text('start.placeholder')}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          enterKeyHint="go"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && setText('')}
          aria-describedby={`${id}-found`}
        />
      </div>
      <div id={`${id}-found`} role="status">
        {handle !== '' && found()}
      </div>
    </form>
  );

  function found() {
    const shown = <Handle key="handle" handle={handle} />;
    if (!isHandle(handle)) {
      return <p className="cruddur-start-note">{texts.text('start.rule', { max: MAX_HANDLE_LENGTH })}</p>;
    }
    if (!ready || (user === undefined && error === null)) {
      return <p className="cruddur-start-note">{texts.rich('start.looking', { handle: shown })}</p>;
    }
    if (user === undefined) {
      return <p className="cruddur-start-note cruddur-problem">{explain(texts, error)}</p>;
    }
    if (user === null) {
      return <p className="cruddur-start-note cruddur-problem">{texts.rich('start.none', { handle: shown })}</p>;
    }
    if (user.uuid === me?.uuid) {
      return <p className="cruddur-start-note">{texts.text('start.self')}</p>;
    }
    return (
      <PlaceLink
        className="cruddur-start-user"
        to={{ kind: 'handle', handle: user.handle, person: recipientOf(user) }}
        onClick={() => setText('')}
      >
        <Avatar name={user.display_name} handle={user.handle} small />
        <span className="cruddur-visually-hidden">{texts.text('start.writeTo')}</span>{' '}
        <span className="cruddur-who">
          <Name className="cruddur-name" name={user.display_name} handle={user.handle} /> <Handle handle={user.handle} />
        </span>
      </PlaceLink>
    );
  }
}

/** The user with this handle, or with the handle without final periods: a period may end a sentence. */
function useUserWithoutPeriods(handle: string) {
  const exact = useUser(isHandle(handle) ? handle : null);
  const shorter = handle.replace(/\.+$/, '');
  const other = useUser(exact.user === null && shorter !== handle && isHandle(shorter) ? shorter : null);
  return exact.user === null && shorter !== handle && isHandle(shorter) ? other : exact;
}
