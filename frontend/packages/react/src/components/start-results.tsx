import {
  type MessageGroup,
  foldHandle,
  isHandle,
  MAX_HANDLE_LENGTH,
  otherMember,
  plainLine,
  recipientOf,
  sameHandle,
  searchUsers,
  typedHandle,
  type User,
} from '@cruddur/client';
import { type KeyboardEvent, type Ref, useEffect, useImperativeHandle, useMemo, useRef, useState } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useInbox, useMe, useUser } from '../hooks/data.ts';
import { useDebounced } from '../hooks/use-debounced.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { isComposing } from '../keys.ts';
import type { Place } from '../place.ts';
import { explain } from '../texts/explain.ts';
import { folded, wordMatcher } from '../texts/matching.ts';
import { Handle, Name } from './labels.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** Characters from which people are suggested, and the most that the API accepts. */
const MIN_PREFIX = 2;
const MAX_PREFIX = 64;

/** The most conversations that are shown. Another character leaves fewer. */
const MAX_CONVERSATIONS = 50;

/** What the text field of the search calls. */
export interface StartResultsHandle {
  onKeyDown: (event: KeyboardEvent<HTMLInputElement>) => void;
  /** Opens the active option, or a conversation with the user whose handle was entered. */
  submit: () => void;
}

interface Props {
  ref: Ref<StartResultsHandle>;
  /** The id of the text field, with which the ids of the results begin. */
  id: string;
  text: string;
  /** Whether the text field has the focus. The options are shown then. */
  isFocused: boolean;
  /** Called with the id of the active option: empty if none is active, null if no options are shown. */
  onActive: (option: string | null) => void;
  onOpen: (place: Place) => void;
}

/** A conversation or a person. */
interface Option {
  /** The uuid of the group or of the user. */
  key: string;
  name: string;
  handle: string;
  place: Place;
}

const NOBODY: readonly User[] = [];
const NO_GROUPS: readonly MessageGroup[] = [];

/** The conversations and people whose handle or name matches the text, and the user with the entered handle. */
export function StartResults({ ref, id, text, isFocused, onActive, onOpen }: Props) {
  const { me } = useMe();
  const texts = useTexts();
  const { Avatar = DefaultAvatar } = useComponents();
  const handle = typedHandle(text);
  const settled = useDebounced(handle, 300);
  const { user, error } = useUserWithoutPeriods(settled);
  const prefix = prefixOf(text, handle);
  const { people, outcome } = usePeople(prefix);
  const groups = useGroups(text, handle);
  const known = settled === handle ? user : undefined;
  const exact = known ?? people.find((person) => sameHandle(person.handle, handle));
  /** The text with which an option was made active, and its key. */
  const [picked, setPicked] = useState<{ text: string; key: string } | null>(null);

  const conversations = groups.map(ofGroup);
  const listed = new Set(groups.map((group) => group.user_uuid));
  const others = [...(exact ? [exact] : []), ...people.filter(({ uuid }) => uuid !== exact?.uuid)]
    .filter(({ uuid }) => uuid !== me?.uuid && !listed.has(uuid))
    .map(ofUser);
  const options = isFocused ? [...conversations, ...others] : [];
  const isPending = text.trim().startsWith('@') && isHandle(handle) && known === undefined && error === null;
  const chosen = options.findIndex(({ key }) => picked?.text === text && picked.key === key);
  const entered = options.findIndex((option) => sameHandle(option.handle, handle));
  // While a handle is looked up, Enter is for it, not for a longer one.
  const current = chosen !== -1 ? chosen : entered !== -1 ? entered : isPending || options.length === 0 ? -1 : 0;
  const option = useRef<HTMLDivElement>(null);
  const optionId = ({ key }: Option) => `${id}-${key}`;
  const active = options.length === 0 ? null : options[current] === undefined ? '' : optionId(options[current]);

  useEffect(() => onActive(active), [onActive, active]);
  // The list is gone with this component.
  useEffect(() => () => onActive(null), [onActive]);
  useEffect(() => {
    // jsdom has no layout.
    option.current?.scrollIntoView?.({ block: 'nearest' });
  }, [active]);

  function submit() {
    const selected = options[current];
    if (selected !== undefined) {
      onOpen(selected.place);
    } else if (isHandle(handle) && (exact === undefined ? known !== null : exact.uuid !== me?.uuid)) {
      onOpen({ kind: 'handle', handle });
    }
  }

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (isComposing(event)) {
      return;
    }
    if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && options.length > 0 && !event.altKey) {
      event.preventDefault();
      const next = event.key === 'ArrowDown' ? current + 1 : Math.max(current, 0) - 1;
      setPicked({ text, key: options.at(next % options.length)?.key ?? '' });
    }
  }

  useImperativeHandle(ref, () => ({ onKeyDown, submit }));

  return (
    <>
      <div id={`${id}-found`} role="status">
        {text.trim() !== '' && found()}
      </div>
      {options.length > 0 && (
        <div
          id={`${id}-options`}
          className="cruddur-start-options"
          role="listbox"
          aria-label={texts.text('start.results')}
          // The text field keeps the focus.
          onPointerDown={(event) => event.preventDefault()}
        >
          {conversations.length > 0 && section('inbox.label', conversations)}
          {others.length > 0 && section('start.people', others)}
        </div>
      )}
    </>
  );

  function section(title: 'inbox.label' | 'start.people', shown: readonly Option[]) {
    return (
      <div role="group" aria-label={texts.text(title)}>
        <p className="cruddur-start-title" aria-hidden="true">
          {texts.text(title)}
        </p>
        {shown.map((each) => {
          const isActive = each.key === options[current]?.key;
          return (
            // The keys are those of the text field.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events
            <div
              key={each.key}
              ref={isActive ? option : null}
              id={optionId(each)}
              className="cruddur-start-option"
              role="option"
              tabIndex={-1}
              aria-selected={isActive}
              onClick={() => onOpen(each.place)}
            >
              <Avatar name={each.name} handle={each.handle} small />
              <span className="cruddur-who">
                <Name className="cruddur-name" name={each.name} handle={each.handle} /> <Handle handle={each.handle} />
              </span>
            </div>
          );
        })}
      </div>
    );
  }

  function found() {
    if (exact && exact.uuid === me?.uuid) {
      return <p className="cruddur-start-note">{texts.text('start.self')}</p>;
    }
    if (conversations.length + others.length > 0) {
      return <p className="cruddur-visually-hidden">{texts.text('start.found', { count: conversations.length + others.length })}</p>;
    }
    if (!isHandle(handle)) {
      return outcome !== null || prefix === '' ? (
        <p className="cruddur-start-note">
          {outcome === 'answered' ? texts.text('start.noMatch') : texts.text('start.rule', { max: MAX_HANDLE_LENGTH })}
        </p>
      ) : null;
    }
    const shown = <Handle key="handle" handle={handle} />;
    if (settled !== handle || (user === undefined && error === null)) {
      return <p className="cruddur-start-note">{texts.rich('start.looking', { handle: shown })}</p>;
    }
    // Without an @, the text may be a name.
    const none = outcome !== 'answered' || text.trim().startsWith('@') ? texts.rich('start.none', { handle: shown }) : texts.text('start.noMatch');
    return (
      <p className="cruddur-start-note cruddur-problem">
        {user === undefined ? explain(texts, error) : none}
      </p>
    );
  }
}

function ofGroup(group: MessageGroup): Option {
  const person = otherMember(group);
  return { key: group.uuid, name: person.name, handle: person.handle, place: { kind: 'group', uuid: group.uuid, person } };
}

function ofUser(user: User): Option {
  const { uuid, handle, display_name: name } = user;
  return { key: uuid, name, handle, place: { kind: 'handle', handle, person: recipientOf(user) } };
}

/** The folded names of the inbox's rows. */
const foldedNames = new WeakMap<MessageGroup, string>();

function foldedNameOf(group: MessageGroup): string {
  const name = foldedNames.get(group) ?? folded(plainLine(group.display_name));
  foldedNames.set(group, name);
  return name;
}

/** The loaded conversations whose name has words that begin with those of the text, or whose handle begins with it. */
function useGroups(text: string, handle: string): readonly MessageGroup[] {
  const rows = useInbox().value?.rows ?? NO_GROUPS;
  const line = plainLine(text);
  return useMemo(() => {
    const isInName = wordMatcher(line.startsWith('@') ? '' : line);
    const start = foldHandle(handle);
    const isFound = (row: MessageGroup) => (start !== '' && foldHandle(row.handle).startsWith(start)) || isInName(foldedNameOf(row));
    return line === '' ? NO_GROUPS : rows.filter(isFound).slice(0, MAX_CONVERSATIONS);
  }, [rows, line, handle]);
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
