import { useEffect, useMemo, useState } from 'react';
import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import type { Message, MessageGroup } from '../api/types.ts';
import { useInboxBeside, useSearchOfInbox } from '../groups/use-inbox.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { usePageTitle } from '../shell/page-title.ts';
import { useSignedIn } from '../signed-in.tsx';
import { dayNumber } from '../time/days.ts';
import { useNow } from '../time/use-now.ts';
import { sameHandle } from '../users/handle.ts';
import { Announcement } from './announcement.tsx';
import { Composer } from './composer.tsx';
import { ConversationHead } from './conversation-head.tsx';
import { ConversationProblem } from './conversation-problem.tsx';
import { MessageList } from './message-list.tsx';
import { timeline } from './timeline.ts';
import { useThread } from './use-thread.ts';

const NONE: Message[] = [];

/** A conversation that the server knows. */
export function GroupConversation({ group }: { group: string }) {
  const { me, outbox } = useSignedIn();
  const view = useInboxBeside();
  const { inbox } = view;
  const { thread, error, refetch, older } = useThread(group);
  const outgoing = useOutbox();
  const today = dayNumber(useNow());
  const [sends, setSends] = useState(0);

  const messages = thread?.messages ?? NONE;
  const entries = useMemo(() => outgoing.filter((entry) => entry.group === group), [outgoing, group]);
  const days = useMemo(() => timeline(messages, entries, me, today), [messages, entries, me, today]);
  const other = otherOf(inbox?.groups, group, messages, me.handle);
  const name = other?.display_name ?? 'Conversation';
  usePageTitle(name);
  // Nobody but oneself has written: the name is in the list, perhaps further down than it was loaded.
  useSearchOfInbox(view, thread !== undefined && other === undefined);

  useEffect(() => {
    outbox.retire(new Set(messages.map(({ uuid }) => uuid)));
  }, [outbox, messages, entries]);

  const refusal =
    thread === undefined && error instanceof ApiError && !error.passes && error.status !== 401 ? error : null;
  const retry = () => void refetch();
  if (refusal !== null && entries.length === 0) {
    return <ConversationProblem title={titleOf(refusal)} text={explain(refusal)} onRetry={retry} />;
  }
  const cursor = thread?.older ?? null;
  return (
    <>
      <ConversationHead name={name} handle={other?.handle ?? null} />
      {thread === undefined && entries.length === 0 ? (
        <div className="message-frame waiting" role="status">
          {error === null ? 'Loading the conversation…' : explain(error)}
        </div>
      ) : (
        <>
          <MessageList
            days={days}
            older={cursor}
            loading={older.isPending}
            problem={older.isError ? explain(older.error) : null}
            onOlder={() => {
              if (cursor !== null && !older.isPending) {
                older.mutate(cursor);
              }
            }}
            sends={sends}
            beginning={
              thread === undefined ? (
                <Missing error={error} refusal={refusal} onRetry={retry} />
              ) : (
                <p className="beginning">This is where your conversation with {name} begins.</p>
              )
            }
          />
          <Announcement days={days} />
        </>
      )}
      {refusal === null && (
        <Composer target={{ kind: 'group', uuid: group }} name={name} onSent={() => setSends((count) => count + 1)} />
      )}
    </>
  );
}

function titleOf({ status }: ApiError): string {
  return status === 404 ? 'No such conversation' : 'This conversation could not be loaded';
}

/** Stands above messages that wait, in place of a conversation that is not loaded. */
function Missing({ error, refusal, onRetry }: { error: unknown; refusal: ApiError | null; onRetry: () => void }) {
  return (
    <div className="beginning" role="status">
      <p>
        {refusal !== null && `${titleOf(refusal)}. `}
        {error === null ? 'Loading the conversation…' : explain(error)}
      </p>
      {refusal !== null && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** With whom the conversation is: as the list says, or who has written in it. */
function otherOf(
  groups: readonly MessageGroup[] | undefined,
  group: string,
  messages: readonly Message[],
  me: string,
): { display_name: string; handle: string } | undefined {
  return (
    groups?.find(({ uuid }) => uuid === group) ?? messages.findLast(({ handle }) => !sameHandle(handle, me))
  );
}
