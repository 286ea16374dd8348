import { useEffect, useMemo, useState } from 'react';
import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import type { Message } from '../api/types.ts';
import { useInboxBeside, useSearchOfInbox } from '../groups/use-inbox.ts';
import { type Entry, type Target } from '../outbox/entry.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { usePageTitle } from '../shell/page-title.ts';
import { useSignedIn } from '../signed-in.tsx';
import { dayNumber } from '../time/days.ts';
import { useNow } from '../time/use-now.ts';
import { Avatar } from '../users/avatar.tsx';
import { sameHandle } from '../users/handle.ts';
import { Handle, Name } from '../users/labels.tsx';
import { shownName } from '../users/name.ts';
import type { Recipient } from '../users/recipient.ts';
import { useMe } from '../users/use-me.ts';
import { Announcement } from './announcement.tsx';
import { Composer } from './composer.tsx';
import { ConversationHead } from './conversation-head.tsx';
import { ConversationProblem } from './conversation-problem.tsx';
import { MessageList } from './message-list.tsx';
import { SuccessorQuestion } from './successor-question.tsx';
import { timeline } from './timeline.ts';
import { type OpenPlace, usePlace } from './use-place.tsx';
import { useThread } from './use-thread.ts';

/**
 * The conversation of the current address: a group, or a new conversation by handle. Both routes render this element at the
 * same position, so React keeps the composer when a new conversation gets its group.
 */
export function Conversation() {
  const place = usePlace();
  switch (place.kind) {
    case 'problem':
      return <ConversationProblem title={place.title} text={place.text} onRetry={place.onRetry} />;
    case 'resolving':
      return (
        <div className="message-frame waiting" role="status">
          <p>
            Looking for <Handle handle={place.handle} />…
          </p>
        </div>
      );
    case 'open':
      return <OpenConversation key={place.key} place={place} />;
  }
}

const NO_MESSAGES: Message[] = [];

function OpenConversation({ place: { group, person: known, successor } }: { place: OpenPlace }) {
  const { outbox } = useSignedIn();
  const { me, error: meError } = useMe();
  const { thread, error, refetch, older } = useThread(group);
  const outgoing = useOutbox();
  const today = dayNumber(useNow());
  const [sends, setSends] = useState(0);

  // Own messages can't be recognized before the own uuid is known.
  const messages = me === null ? NO_MESSAGES : (thread?.messages ?? NO_MESSAGES);
  const person = known ?? otherOf(messages, me?.uuid);
  const entries = useMemo(
    () => outgoing.filter((entry) => isIn(entry, group, person)),
    // oxlint-disable-next-line react/exhaustive-deps
    [outgoing, group, person?.uuid, person?.handle],
  );
  const days = useMemo(() => timeline(messages, entries, me, today), [messages, entries, me, today]);
  const name = person === null ? 'Conversation' : shownName(person.name, person.handle);
  usePageTitle(name);
  // If the other user has not written, their name is in the inbox, perhaps beyond its loaded part.
  useSearchOfInbox(useInboxBeside(), thread !== undefined && person === null);

  useEffect(() => {
    if (group !== null && person !== null) {
      outbox.assignGroup(person.uuid, group);
    }
    // oxlint-disable-next-line react/exhaustive-deps
  }, [outbox, group, person?.uuid]);

  useEffect(() => {
    outbox.removeListed(new Set(messages.map(({ uuid }) => uuid)));
  }, [outbox, messages, entries]);

  const refusal =
    group !== null && thread === undefined && error instanceof ApiError && !error.isTransient && error.status !== 401
      ? error
      : null;
  const retry = () => void refetch();
  if (refusal !== null && entries.length === 0) {
    return <ConversationProblem title={titleOf(refusal)} text={explain(refusal)} onRetry={retry} />;
  }
  const loaded = group === null || (thread !== undefined && me !== null);
  const problem = thread === undefined ? error : meError;
  const cursor = (loaded && thread?.older) || null;
  const target: Target | null =
    group === null ? person && { kind: 'user', ...person } : { kind: 'group', uuid: group };
  return (
    <>
      <ConversationHead person={person} />
      {!loaded && entries.length === 0 ? (
        <div className="message-frame waiting" role="status">
          {problem === null ? 'Loading the conversation…' : explain(problem)}
        </div>
      ) : (
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
            loaded ? (
              <Beginning person={person} isNew={group === null} asks={successor !== null} />
            ) : (
              <Missing error={problem} refusal={refusal} onRetry={retry} />
            )
          }
        />
      )}
      {loaded && <Announcement days={days} />}
      {successor !== null && person !== null ? (
        <SuccessorQuestion person={person} successor={successor} />
      ) : (
        refusal === null &&
        target && <Composer target={target} person={person} onSent={() => setSends((count) => count + 1)} />
      )}
    </>
  );
}

function titleOf({ status }: ApiError): string {
  return status === 404 ? 'No such conversation' : 'This conversation could not be loaded';
}

/** Shown above unsent messages while the conversation is not loaded. */
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

/** The text above the oldest message. */
function Beginning({ person, isNew, asks }: { person: Recipient | null; isNew: boolean; asks: boolean }) {
  if (person === null) {
    return <p className="beginning">This is where your conversation begins.</p>;
  }
  const name = <Name name={person.name} handle={person.handle} />;
  if (!isNew) {
    return (
      <div className="beginning">
        <p>This is where your conversation with {name} begins.</p>
      </div>
    );
  }
  return (
    <div className="beginning">
      <Avatar name={person.name} handle={person.handle} />
      <p>
        No messages with {name} yet.
        {!asks && (
          <>
            <br />
            Write the first one below.
          </>
        )}
      </p>
    </div>
  );
}

/** The other user by their messages, for a conversation that is not in the loaded inbox. */
function otherOf(messages: readonly Message[], me: string | undefined): Recipient | null {
  const theirs = messages.findLast(({ user_uuid: sender }) => sender !== me);
  return theirs ? { uuid: theirs.user_uuid, handle: theirs.handle, name: theirs.display_name } : null;
}

/** Whether an unsent message belongs to this conversation. A message by handle is shown with the handle's current user. */
function isIn({ group: its, target }: Entry, group: string | null, person: Recipient | null): boolean {
  if (its !== null) {
    return its === group;
  }
  switch (target.kind) {
    case 'group':
      return target.uuid === group;
    case 'user':
      return target.uuid === person?.uuid;
    case 'handle':
      return person !== null && sameHandle(target.handle, person.handle);
  }
}
