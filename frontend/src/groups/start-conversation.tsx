import { type SubmitEvent, useId, useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { explain } from '../api/error-texts.ts';
import { placeState } from '../messages/place-state.ts';
import { useDebounced } from '../time/use-debounced.ts';
import { Avatar } from '../users/avatar.tsx';
import { isHandle, newConversationPath, typedHandle } from '../users/handle.ts';
import { Handle, Name } from '../users/labels.tsx';
import { recipientOf } from '../users/recipient.ts';
import { useMe } from '../users/use-me.ts';
import { useUser } from '../users/use-user.ts';

/** The search for a recipient by handle. */
export function StartConversation() {
  const { me } = useMe();
  const navigate = useNavigate();
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
      const state = known && placeState(recipientOf(known));
      void navigate(newConversationPath(known?.handle ?? handle), { state });
    }
  }

  return (
    <form className="start" role="search" aria-label="Start a conversation" onSubmit={submit}>
      <label htmlFor={id} className="visually-hidden">
        Start a conversation by handle
      </label>
      <div className="start-field">
        <span aria-hidden="true">@</span>
        <input
          id={id}
          type="text"
          placeholder="Write to a handle"
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
      <div id={`${id}-found`} className="start-found" role="status">
        {handle !== '' && found()}
      </div>
    </form>
  );

  function found() {
    if (!isHandle(handle)) {
      return <p className="start-note">Handles have at most 30 characters: letters, digits, and . _ - only.</p>;
    }
    if (!ready || (user === undefined && !error)) {
      return (
        <p className="start-note">
          Looking for <Handle handle={handle} />…
        </p>
      );
    }
    if (user === undefined) {
      return <p className="start-note problem">{explain(error)}</p>;
    }
    if (user === null) {
      return (
        <p className="start-note problem">
          There is no user <Handle handle={handle} />.
        </p>
      );
    }
    if (user.uuid === me?.uuid) {
      return <p className="start-note">That is you.</p>;
    }
    return (
      <Link
        className="start-user"
        to={newConversationPath(user.handle)}
        state={placeState(recipientOf(user))}
        onClick={() => setText('')}
      >
        <Avatar name={user.display_name} handle={user.handle} small />
        <span className="visually-hidden">Write to</span>{' '}
        <span className="who">
          <Name className="name" name={user.display_name} handle={user.handle} /> <Handle handle={user.handle} />
        </span>
      </Link>
    );
  }
}

/** The user with this handle, or with the handle without final periods: a period may end a sentence. */
function useUserWithoutPeriods(handle: string) {
  const exact = useUser(handle, handle !== '');
  const shorter = handle.replace(/\.+$/, '');
  const other = useUser(shorter, exact.user === null && shorter !== handle && shorter !== '');
  return exact.user === null && shorter !== handle && isHandle(shorter) ? other : exact;
}
