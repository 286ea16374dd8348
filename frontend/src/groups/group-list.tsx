import { useRef } from 'react';
import { useLocation, useMatch } from 'react-router';
import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import { parsePlaceState } from '../messages/place-state.ts';
import { type Entry, type Target, conversationKey, conversationOf } from '../outbox/entry.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { useInView } from '../shell/use-in-view.ts';
import { useNow } from '../time/use-now.ts';
import { foldHandle, typedHandle } from '../users/handle.ts';
import { type Recipient, recipientOf } from '../users/recipient.ts';
import { useUser } from '../users/use-user.ts';
import { GroupItem } from './group-item.tsx';
import { NewGroupItem } from './new-group-item.tsx';
import type { InboxView } from './use-inbox.ts';

/** The inbox, newest first, below the conversations whose first message is not stored yet. */
export function GroupList({ view }: { view: InboxView }) {
  const { inbox, error, more } = view;
  const entries = useOutbox();
  const now = useNow();
  const box = useRef<HTMLElement>(null);
  const opened = useOpenBeginning();

  // The banner explains this.
  const ended = error instanceof ApiError && error.status === 401;
  const groups = inbox?.groups ?? [];
  const beginnings = beginningsOf(opened, entries).filter(
    ({ person }) => person === null || !groups.some((group) => group.user_uuid === person.uuid),
  );
  const next = inbox?.next ?? null;
  const loadMore = () => {
    if (next !== null && !more.isPending) {
      more.mutate(next);
    }
  };
  const end = useInView(box, next !== null && !more.isError, loadMore, next);

  return (
    <nav ref={box} className="group-list" aria-label="Conversations">
      <ul>
        {beginnings.map(({ key, handle, person }) => (
          <li key={key}>
            <NewGroupItem
              handle={handle}
              person={person}
              unsent={entries.some((entry) => conversationOf(entry) === key && isStuck(entry))}
            />
          </li>
        ))}
        {groups.map((group) => (
          <li key={group.uuid}>
            <GroupItem
              group={group}
              now={now}
              unsent={entries.some((entry) => entry.group === group.uuid && isStuck(entry))}
            />
          </li>
        ))}
      </ul>
      {inbox === undefined && (error === null || ended) && <GroupListSkeleton />}
      {inbox === undefined && error !== null && !ended && <p className="list-note problem">{explain(error)}</p>}
      {inbox !== undefined && groups.length === 0 && beginnings.length === 0 && (
        <p className="list-note">
          No conversations yet. Enter someone's handle above to write the first message.
        </p>
      )}
      {next !== null && (
        <div ref={end} className="list-more">
          <button type="button" className="button small quiet" onClick={loadMore} disabled={more.isPending}>
            {more.isPending ? 'Loading…' : 'Show more conversations'}
          </button>
          {more.isError && <p className="problem">{explain(more.error)}</p>}
        </div>
      )}
    </nav>
  );
}

interface Beginning {
  /** The conversation key. */
  key: string;
  handle: string;
  person: Recipient | null;
}

/** The open conversation, if it has no group yet. */
function useOpenBeginning(): Beginning | null {
  const typed = useMatch('/messages/new/:handle')?.params.handle;
  const handle = foldHandle(typedHandle(typed ?? ''));
  const { user } = useUser(handle, typed !== undefined);
  const linked = parsePlaceState(useLocation().state)?.person;
  if (typed === undefined) {
    return null;
  }
  const person = linked ?? (user ? recipientOf(user) : null);
  const target: Target = person === null ? { kind: 'handle', handle } : { kind: 'user', ...person };
  return { key: conversationKey(target), handle, person };
}

/** Conversations without a group: the open one and those of unsent messages. */
function beginningsOf(opened: Beginning | null, entries: readonly Entry[]): Beginning[] {
  const begun = entries.flatMap(({ group, target }): Beginning[] =>
    group !== null || target.kind === 'group'
      ? []
      : [{ key: conversationKey(target), handle: target.handle, person: target.kind === 'user' ? target : null }],
  );
  const all = opened === null ? begun : [opened, ...begun];
  return [...new Map(all.map((beginning) => [beginning.key, beginning])).values()];
}

function isStuck({ state }: Entry): boolean {
  return state.name === 'failed' || state.name === 'held';
}

/** A placeholder while the inbox loads. */
function GroupListSkeleton() {
  return (
    <div className="skeleton" aria-hidden="true">
      {[70, 55, 80, 60].map((width) => (
        <div key={width} className="skeleton-row">
          <span className="skeleton-avatar" />
          <span className="skeleton-lines">
            <span style={{ inlineSize: `${width / 2}%` }} />
            <span style={{ inlineSize: `${width}%` }} />
          </span>
        </div>
      ))}
    </div>
  );
}
