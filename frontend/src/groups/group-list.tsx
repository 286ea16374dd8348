import { useRef } from 'react';
import { useMatch } from 'react-router';
import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import type { Entry } from '../outbox/entry.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { useInView } from '../shell/use-in-view.ts';
import { useNow } from '../time/use-now.ts';
import { foldHandle, sameHandle } from '../users/handle.ts';
import { GroupItem } from './group-item.tsx';
import { NewGroupItem } from './new-group-item.tsx';
import type { InboxView } from './use-inbox.ts';

/** The conversations, newest first; above them those that begin with a message on its way. */
export function GroupList({ view }: { view: InboxView }) {
  const { inbox, error, more } = view;
  const entries = useOutbox();
  const now = useNow();
  const box = useRef<HTMLElement>(null);
  const opened = useMatch('/messages/new/:handle')?.params.handle;

  // The banner says what to do then.
  const ended = error instanceof ApiError && error.status === 401;
  const groups = inbox?.groups ?? [];
  const beginnings = newHandles(opened, entries).filter(
    (handle) => !groups.some((group) => sameHandle(group.handle, handle)),
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
        {beginnings.map((handle) => (
          <li key={`new ${handle}`}>
            <NewGroupItem handle={handle} unsent={entries.some((entry) => isStuckWith(entry, handle))} />
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
          No conversations yet. Type somebody's handle above to write the first message.
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

/** The handles without a conversation yet: of the page that is open, and of messages that are on their way. */
function newHandles(opened: string | undefined, entries: readonly Entry[]): string[] {
  const handles = entries.flatMap(({ group, target }) =>
    group === null && target.kind === 'handle' ? [target.handle] : [],
  );
  return [...new Set(opened === undefined ? handles : [foldHandle(opened), ...handles])];
}

function isStuckWith(entry: Entry, handle: string): boolean {
  return entry.group === null && entry.target.kind === 'handle' && entry.target.handle === handle && isStuck(entry);
}

function isStuck({ state }: Entry): boolean {
  return state.name === 'failed' || state.name === 'held';
}

/** Where the conversations are about to be. */
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
