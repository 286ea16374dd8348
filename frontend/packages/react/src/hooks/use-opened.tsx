import { type Recipient, type User, foldHandle, isHandle, otherMember, recipientOf, stateOf, typedHandle } from '@cruddur/client';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { Handle } from '../components/labels.tsx';
import { useClient, useMessages } from '../context.ts';
import type { Place } from '../place.ts';
import { explain } from '../texts/explain.ts';
import { useInbox, useMe, useOutbox, useSearchOfInbox, useUser } from './data.ts';
import { useTexts } from './use-texts.ts';

/** What is shown at a place. */
export type Opened =
  | { kind: 'problem'; title: string; text: ReactNode; onRetry?: (() => void) | undefined }
  | { kind: 'resolving'; handle: string }
  | OpenConversationPlace;

export interface OpenConversationPlace {
  kind: 'open';
  /** A React key that stays the same when a new conversation gets its group. */
  key: string;
  /** Null before the first message is stored. */
  group: string | null;
  person: Recipient | null;
  /** The user who has the person's handle now, if it changed hands and no recipient has been chosen yet. */
  successor: User | null;
  choose: (person: Recipient) => void;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Resolves a place: a handle to its user, and a conversation with a user to its group, which then is the place. */
export function useOpened(place: Place | null): Opened | null {
  const { value: inbox } = useInbox();
  const { onPlace } = useMessages();
  const { text } = useTexts();
  const begun = useNewConversation(place?.kind === 'handle' ? place : null);
  if (place === null || begun !== null) {
    return begun;
  }
  if (place.kind === 'handle') {
    return null;
  }
  const group = place.uuid.toLowerCase();
  if (!UUID.test(group)) {
    return { kind: 'problem', title: text('conversation.none'), text: text('conversation.addressInvalid') };
  }
  const listed = inbox?.rows.find((known) => known.uuid === group);
  const person = listed === undefined ? (place.person ?? null) : otherMember(listed);
  const choose = (chosen: Recipient) => onPlace({ ...place, person: chosen }, true);
  return { kind: 'open', key: place.key ?? group, group, person, successor: null, choose };
}

type HandlePlace = Extract<Place, { kind: 'handle' }>;

function useNewConversation(place: HandlePlace | null): Opened | null {
  const handle = place === null ? null : foldHandle(typedHandle(place.handle));
  const isValid = handle !== null && isHandle(handle);
  const { drafts } = useClient();
  const { onPlace } = useMessages();
  const texts = useTexts();
  const { me, error: meError } = useMe();
  const { value: inbox, error: inboxError } = useInbox();
  const entries = useOutbox();
  const { user: found, error, refresh } = useUser(isValid ? handle : null);
  // No user has an invalid handle.
  const user = isValid ? found : null;
  const [first, setFirst] = useState<{ handle: string; person: Recipient } | null>(null);
  const drafted = useMemo(() => (handle === null ? [] : drafts.recipients(handle)), [drafts, handle]);

  if (handle !== null && user && first?.handle !== handle) {
    setFirst({ handle, person: recipientOf(user) });
  }
  const written = entries.flatMap(({ group, target }) =>
    group === null && target.kind === 'user' && foldHandle(target.handle) === handle ? [target] : [],
  );
  // Drafts and unsent messages belong to the person they were written to, even if the handle changed hands.
  const earlier = [...written, ...drafted].find(({ uuid }) => uuid !== user?.uuid);
  const opened = first?.handle === handle ? first.person : undefined;
  const person = place?.person ?? earlier ?? opened ?? (user && recipientOf(user)) ?? null;
  const listed =
    person === null
      ? undefined
      : (entries.findLast((entry) => entry.target.kind === 'user' && entry.target.uuid === person.uuid && entry.group)
          ?.group ?? inbox?.rows.find((known) => known.user_uuid === person.uuid)?.uuid);
  const key = `user:${person?.uuid ?? ''}`;

  // The group may be hidden, or beyond the loaded part of the inbox.
  const isUnlisted = handle !== null && listed === undefined && person !== null && person.uuid !== me?.uuid;
  const existing = useGroupWith(me?.uuid, isUnlisted && inbox !== undefined ? person.uuid : null);
  useSearchOfInbox(isUnlisted && existing.hasFailed);
  const group = listed ?? existing.group;

  const redirects = handle !== null && group !== undefined && person !== null && person.uuid !== me?.uuid;
  useEffect(() => {
    if (redirects) {
      const { uuid, handle: its, name } = person;
      onPlace({ kind: 'group', uuid: group, person: { uuid, handle: its, name }, key }, true);
    }
    // `person` is a new object on each render; `key` identifies it.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [redirects, group, key, onPlace]);

  if (place === null || handle === null) {
    return null;
  }
  if (person !== null && person.uuid === me?.uuid) {
    return { kind: 'problem', title: texts.text('conversation.self'), text: texts.text('conversation.selfText') };
  }
  if (person === null && user === null) {
    return {
      kind: 'problem',
      title: texts.text('conversation.noUser'),
      text: texts.rich('start.none', { handle: <Handle key="handle" handle={handle} /> }),
    };
  }
  if (person === null && error !== null) {
    return {
      kind: 'problem',
      title: texts.text('conversation.userNotLoaded'),
      text: explain(texts, error),
      onRetry: () => void refresh(),
    };
  }
  const pending = (inbox === undefined && inboxError === null) || (me === null && meError === null);
  if (person === null || pending) {
    return { kind: 'resolving', handle };
  }
  const successor = user && user.uuid !== person.uuid && place.chosen !== true ? user : null;
  const choose = (chosen: Recipient) => onPlace({ kind: 'handle', handle, person: chosen, chosen: true }, true);
  return { kind: 'open', key, group: group ?? null, person, successor, choose };
}

interface Found {
  group?: string | undefined;
  hasFailed: boolean;
}

/** Asks the API for the signed-in user's group with another one, once. */
function useGroupWith(me: string | undefined, user: string | null): Found {
  const client = useClient();
  const [found, setFound] = useState<(Found & { user: string }) | null>(null);
  useEffect(() => {
    if (me === undefined || user === null) {
      return;
    }
    let isWanted = true;
    const set = (outcome: Found) => isWanted && setFound({ ...outcome, user });
    stateOf(client)
      .findGroup(me, user)
      .then(
        (group) => set({ group: group ?? undefined, hasFailed: false }),
        () => set({ hasFailed: true }),
      );
    return () => {
      isWanted = false;
    };
  }, [client, me, user]);
  return user !== null && found?.user === user ? found : { hasFailed: false };
}
