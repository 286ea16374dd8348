import {
  isHandle,
  MAX_HANDLE_LENGTH,
  plainLine,
  type Recipient,
  recipientOf,
  sameHandle,
  searchUsers,
  typedHandle,
  type User,
} from '@cruddur/client';
import { type KeyboardEvent, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useMe, useUser } from '../hooks/data.ts';
import { useDebounced } from '../hooks/use-debounced.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explain } from '../texts/explain.ts';
import { Handle, Name } from './labels.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** Characters from which people are suggested, and the most that the API accepts. */
const MIN_PREFIX = 2;
const MAX_PREFIX = 64;

/** What the text field of the search calls. */
export interface StartResultsHandle {
  onKeyDown: (event: KeyboardEvent<HTMLInputElement>) => void;
  /** Starts a conversation with the user whose handle was entered. */
  submit: () => void;
  /** Hides the suggestions. */
  close: () => void;
}

interface Props {
  ref: Ref<StartResultsHandle>;
  /** The id of the text field, with which the ids of the results begin. */
  id: string;
  text: string;
  onText: (text: string) => void;
  /** Called with the id of the active option: empty if none is active, null if no options are shown. */
  onActive: (option: string | null) => void;
  onStart: (handle: string, person?: Recipient) => void;
}

const NOBODY: readonly User[] = [];

/** The user with the entered handle, and a list of people whose handle or name begins with the text. */
export function StartResults({ ref, id, text, onText, onActive, onStart }: Props) {
  const { me } = useMe();
  const texts = useTexts();
  const { Avatar = DefaultAvatar } = useComponents();
  const handle = typedHandle(text);
  const settled = useDebounced(handle, 300);
  const { user, error } = useUserWithoutPeriods(settled);
  const prefix = prefixOf(text, handle);
  const { people, outcome } = usePeople(prefix);
  const exact = (settled === handle ? user : undefined) ?? people.find((person) => sameHandle(person.handle, handle));
  const suggested = people.filter(({ uuid }) => uuid !== exact?.uuid);
  /** The text at which the person closed the suggestions, or made one active. */
  const [closed, setClosed] = useState<string | null>(null);
  const [picked, setPicked] = useState<{ text: string; uuid: string } | null>(null);

  const options = closed === text ? NOBODY : suggested;
  const current = options.findIndex(({ uuid }) => picked?.text === text && picked.uuid === uuid);
  const option = useRef<HTMLDivElement>(null);
  const optionId = (index: number) => `${id}-${options[index]?.uuid ?? ''}`;
  const active = options.length === 0 ? null : current === -1 ? '' : optionId(current);

  useEffect(() => onActive(active), [onActive, active]);
  // The list is gone with this component.
  useEffect(() => () => onActive(null), [onActive]);
  useEffect(() => {
    // jsdom has no layout.
    option.current?.scrollIntoView?.({ block: 'nearest' });
  }, [active]);

  const start = (person: User) => onStart(person.handle, recipientOf(person));

  function submit() {
    const known = settled === handle && user !== undefined ? user : exact;
    if (isHandle(handle) && known !== null && known?.uuid !== me?.uuid) {
      onStart(known?.handle ?? handle, known && recipientOf(known));
    }
  }

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    const person = options[current];
    // 229: Safari ends a composition before it reports the key that ended it.
    if (event.nativeEvent.isComposing || event.keyCode === 229) {
      return;
    }
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && suggested.length > 0) {
      event.preventDefault();
      setClosed(null);
      const next = event.key === 'ArrowDown' ? current + 1 : Math.max(current, 0) - 1;
      setPicked({ text, uuid: suggested.at(next % suggested.length)?.uuid ?? '' });
    } else if (event.key === 'Enter' && person !== undefined) {
      event.preventDefault();
      start(person);
    } else if (event.key === 'Escape') {
      event.preventDefault();
      if (options.length > 0) {
        setClosed(text);
      } else {
        onText('');
      }
    }
  }

  useImperativeHandle(ref, () => ({ onKeyDown, submit, close: () => setClosed(text) }));

  return (
    <>
      <div id={`${id}-found`} role="status">
        {text.trim() !== '' && found()}
      </div>
      {options.length > 0 && (
        <div id={`${id}-people`} className="cruddur-start-people" role="listbox" aria-label={texts.text('start.people')}>
          {options.map((person, index) => (
            // The keys are those of the text field, which keeps the focus.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={person.uuid}
              ref={index === current ? option : null}
              id={optionId(index)}
              className="cruddur-start-person"
              role="option"
              tabIndex={-1}
              aria-selected={index === current}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => start(person)}
            >
              <Avatar name={person.display_name} handle={person.handle} small />
              <span className="cruddur-who">
                <Name className="cruddur-name" name={person.display_name} handle={person.handle} /> <Handle handle={person.handle} />
              </span>
            </div>
          ))}
        </div>
      )}
    </>
  );

  function found() {
    if (exact) {
      return exact.uuid === me?.uuid ? <p className="cruddur-start-note">{texts.text('start.self')}</p> : link(exact);
    }
    if (suggested.length > 0) {
      return <p className="cruddur-visually-hidden">{texts.text('start.found', { count: suggested.length })}</p>;
    }
    if (!isHandle(handle)) {
      return outcome !== null || prefix === '' ? (
        <p className="cruddur-start-note">
          {outcome === 'answered' ? texts.text('start.nobody') : texts.text('start.rule', { max: MAX_HANDLE_LENGTH })}
        </p>
      ) : null;
    }
    const shown = <Handle key="handle" handle={handle} />;
    if (settled !== handle || (user === undefined && error === null)) {
      return <p className="cruddur-start-note">{texts.rich('start.looking', { handle: shown })}</p>;
    }
    return (
      <p className="cruddur-start-note cruddur-problem">
        {user === undefined ? explain(texts, error) : texts.rich('start.none', { handle: shown })}
      </p>
    );
  }

  function link(person: User) {
    return (
      <PlaceLink
        className="cruddur-start-user"
        to={{ kind: 'handle', handle: person.handle, person: recipientOf(person) }}
        onClick={() => onText('')}
      >
        <Avatar name={person.display_name} handle={person.handle} small />
        <span className="cruddur-visually-hidden">{texts.text('start.writeTo')}</span>{' '}
        <span className="cruddur-who">
          <Name className="cruddur-name" name={person.display_name} handle={person.handle} /> <Handle handle={person.handle} />
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

/** What to search for; empty if the text is too short or too long. An `@` limits the search to handles. */
function prefixOf(text: string, handle: string): string {
  const line = plainLine(text);
  const prefix = isHandle(handle) ? (line.startsWith('@') ? `@${handle}` : handle) : line;
  const { length } = [...prefix.replace(/^@/, '')];
  return length >= MIN_PREFIX && length < MAX_PREFIX ? prefix : '';
}

/**
 * The people whose handle or name begins with a text. Until its response, those of the response before it, if the text was only
 * continued or shortened. A failed request suggests nobody: a handle can still be entered.
 */
function usePeople(prefix: string): { people: readonly User[]; outcome: 'answered' | 'failed' | null } {
  const { api } = useClient();
  const [answer, setAnswer] = useState<{ prefix: string; people: readonly User[] | null }>({ prefix: '', people: null });
  const settled = useDebounced(prefix, 200);

  useEffect(() => {
    if (settled === '') {
      return undefined;
    }
    let isCurrent = true;
    const show = (people: readonly User[] | null) => isCurrent && setAnswer({ prefix: settled, people });
    searchUsers(api, settled).then(show, () => show(null));
    // A later text has a response of its own.
    return () => {
      isCurrent = false;
    };
  }, [api, settled]);

  const isRelated = prefix !== '' && (prefix.startsWith(answer.prefix) || answer.prefix.startsWith(prefix));
  return {
    people: isRelated ? (answer.people ?? NOBODY) : NOBODY,
    outcome: prefix === '' || answer.prefix !== prefix ? null : answer.people === null ? 'failed' : 'answered',
  };
}
