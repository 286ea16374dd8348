import { useEffect, useMemo, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { explain } from '../api/error-texts.ts';
import type { User } from '../api/types.ts';
import { useInboxBeside, useSearchOfInbox } from '../groups/use-inbox.ts';
import { type Entry, type Target, conversationKey, conversationOf } from '../outbox/entry.ts';
import { useOutbox } from '../outbox/use-outbox.ts';
import { usePageTitle } from '../shell/page-title.ts';
import { useSignedIn } from '../signed-in.tsx';
import { dayNumber } from '../time/days.ts';
import { useNow } from '../time/use-now.ts';
import { Avatar } from '../users/avatar.tsx';
import { foldHandle, sameHandle, typedHandle } from '../users/handle.ts';
import { useUser } from '../users/use-user.ts';
import { Announcement } from './announcement.tsx';
import { Composer } from './composer.tsx';
import { ConversationHead } from './conversation-head.tsx';
import { ConversationProblem } from './conversation-problem.tsx';
import { MessageList } from './message-list.tsx';
import { timeline } from './timeline.ts';

/** A conversation that is not there before its first message is stored. */
export function NewConversation() {
  const handle = foldHandle(typedHandle(useParams()['handle'] ?? ''));
  const { me } = useSignedIn();
  const view = useInboxBeside();
  const { inbox, error: inboxError } = view;
  const entries = useOutbox();
  const { user, error, refetch } = useUser(handle);

  const group =
    entries.findLast((entry) => isTo(entry, handle) && entry.group !== null)?.group ??
    inbox?.groups.find((known) => sameHandle(known.handle, handle))?.uuid;

  // There may be a conversation further down than the list was loaded.
  useSearchOfInbox(view, group === undefined && Boolean(user));

  if (sameHandle(handle, me.handle)) {
    return <ConversationProblem title="That is you" text="You can't write to yourself." />;
  }
  if (group !== undefined) {
    return <ToGroup handle={handle} group={group} />;
  }
  if (user === null) {
    return <ConversationProblem title="No such user" text={`There is no user @${handle}.`} />;
  }
  if (user === undefined && error) {
    return (
      <ConversationProblem
        title="This user could not be loaded"
        text={explain(error)}
        onRetry={() => void refetch()}
      />
    );
  }
  if (user === undefined || (inbox === undefined && inboxError === null)) {
    return (
      <div className="message-frame waiting" role="status">
        Looking for @{handle}…
      </div>
    );
  }
  return <FirstMessages key={handle} user={user} />;
}

function isTo({ target }: Entry, handle: string): boolean {
  return target.kind === 'handle' && target.handle === handle;
}

/** Leads to the group of a handle once there is one, with what is typed. */
function ToGroup({ handle, group }: { handle: string; group: string }) {
  const { drafts } = useSignedIn();
  const navigate = useNavigate();
  useEffect(() => {
    drafts.move(conversationKey({ kind: 'handle', handle }), conversationKey({ kind: 'group', uuid: group }));
    void navigate(`/messages/${group}`, { replace: true });
  }, [drafts, navigate, handle, group]);
  return null;
}

function FirstMessages({ user }: { user: User }) {
  const { me } = useSignedIn();
  const target: Target = { kind: 'handle', handle: user.handle };
  const conversation = conversationKey(target);
  const outgoing = useOutbox();
  const [sends, setSends] = useState(0);
  const today = dayNumber(useNow());
  const days = useMemo(
    () =>
      timeline(
        [],
        outgoing.filter((entry) => conversationOf(entry) === conversation),
        me,
        today,
      ),
    [outgoing, conversation, me, today],
  );
  usePageTitle(user.display_name);

  return (
    <>
      <ConversationHead name={user.display_name} handle={user.handle} />
      <MessageList
        days={days}
        older={null}
        loading={false}
        problem={null}
        onOlder={() => undefined}
        sends={sends}
        beginning={
          <div className="beginning">
            <Avatar name={user.display_name} handle={user.handle} />
            <p>
              No messages with {user.display_name} yet.
              <br />
              Write the first one below.
            </p>
          </div>
        }
      />
      <Announcement days={days} />
      <Composer target={target} name={user.display_name} onSent={() => setSends((count) => count + 1)} />
    </>
  );
}
