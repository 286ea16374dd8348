import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { useLocation, useNavigate, useParams } from 'react-router';
import { explain } from '../api/error-texts.ts';
import type { User } from '../api/types.ts';
import { useInboxBeside, useSearchOfInbox } from '../groups/use-inbox.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { useSignedIn } from '../signed-in.tsx';
import { foldHandle, typedHandle } from '../users/handle.ts';
import { Handle } from '../users/labels.tsx';
import { type Recipient, otherMember, recipientOf } from '../users/recipient.ts';
import { useMe } from '../users/use-me.ts';
import { useUser } from '../users/use-user.ts';
import { type PlaceState, parsePlaceState, placeState } from './place-state.ts';

/** The conversation of the current address. */
export type Place =
  | { kind: 'problem'; title: string; text: ReactNode; onRetry?: () => void }
  | { kind: 'resolving'; handle: string }
  | OpenPlace;

export interface OpenPlace {
  kind: 'open';
  /** A React key that stays the same when a new conversation gets its group. */
  key: string;
  /** Null before the first message is stored. */
  group: string | null;
  person: Recipient | null;
  /** The user who has the person's handle now, if it changed hands and no recipient has been chosen yet. */
  successor: User | null;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function usePlace(): Place {
  const { handle, message_group_uuid: uuid } = useParams();
  const state = parsePlaceState(useLocation().state);
  const { inbox } = useInboxBeside();
  const begun = useNewPlace(handle === undefined ? null : foldHandle(typedHandle(handle)), state);
  if (begun !== null) {
    return begun;
  }
  const group = (uuid ?? '').toLowerCase();
  if (!UUID.test(group)) {
    return { kind: 'problem', title: 'No such conversation', text: 'The address of this conversation is not valid.' };
  }
  const listed = inbox?.groups.find((known) => known.uuid === group);
  const person = listed === undefined ? (state?.person ?? null) : otherMember(listed);
  return { kind: 'open', key: state?.key ?? group, group, person, successor: null };
}

/** Resolves a conversation by handle and redirects to its group if there is one. Returns null without a handle. */
function useNewPlace(handle: string | null, state: PlaceState | null): Place | null {
  const { drafts } = useSignedIn();
  const navigate = useNavigate();
  const { me, error: meError } = useMe();
  const view = useInboxBeside();
  const { inbox, error: inboxError } = view;
  const entries = useOutbox();
  const { user, error, refetch } = useUser(handle ?? '', handle !== null);
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
  const person = state?.person ?? earlier ?? opened ?? (user && recipientOf(user)) ?? null;
  const group =
    person === null
      ? undefined
      : (entries.findLast((entry) => entry.target.kind === 'user' && entry.target.uuid === person.uuid && entry.group)
          ?.group ?? inbox?.groups.find((known) => known.user_uuid === person.uuid)?.uuid);
  const key = `user:${person?.uuid ?? ''}`;

  // The group may be beyond the loaded part of the inbox.
  useSearchOfInbox(view, handle !== null && group === undefined && person !== null);

  const redirects = handle !== null && group !== undefined && person !== null && person.uuid !== me?.uuid;
  useEffect(() => {
    if (redirects) {
      void navigate(`/messages/${group}`, { replace: true, state: placeState(person, { key }) });
    }
    // `person` is a new object on each render; `key` identifies it.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [redirects, group, key, navigate]);

  if (handle === null) {
    return null;
  }
  if (person !== null && person.uuid === me?.uuid) {
    return { kind: 'problem', title: 'That is you', text: "You can't write to yourself." };
  }
  if (person === null && user === null) {
    const text = (
      <>
        There is no user <Handle handle={handle} />.
      </>
    );
    return { kind: 'problem', title: 'No such user', text };
  }
  if (person === null && error) {
    return {
      kind: 'problem',
      title: 'This user could not be loaded',
      text: explain(error),
      onRetry: () => void refetch(),
    };
  }
  const pending = (inbox === undefined && inboxError === null) || (me === null && meError === null);
  if (person === null || pending) {
    return { kind: 'resolving', handle };
  }
  const successor = user && user.uuid !== person.uuid && state?.chosen !== true ? user : null;
  return { kind: 'open', key, group: group ?? null, person, successor };
}
