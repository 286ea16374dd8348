import { useState } from 'react';
import { useOutbox } from '../outbox/use-outbox.ts';
import { LeaveIcon } from '../shell/icons.tsx';
import { signOut, useSignedIn } from '../signed-in.tsx';
import { Avatar } from '../users/avatar.tsx';
import { HandleNotice } from '../users/handle-notice.tsx';
import { Handle, Name } from '../users/labels.tsx';
import { useMe } from '../users/use-me.ts';
import { GroupList } from './group-list.tsx';
import { SignOutQuestion } from './sign-out-question.tsx';
import { StartConversation } from './start-conversation.tsx';
import type { InboxView } from './use-inbox.ts';

/** The signed-in user, the search for a recipient, and the inbox. */
export function Sidebar({ inbox }: { inbox: InboxView }) {
  const signedIn = useSignedIn();
  const { me } = useMe();
  const [asking, setAsking] = useState(false);
  const unsent = useOutbox().filter(({ state }) => state.name !== 'sent').length;

  return (
    <section className="sidebar" aria-label="Overview">
      <header className="sidebar-head">
        {me !== null && <Avatar name={me.display_name} handle={me.handle} small />}
        <h2>
          Messages
          {me !== null && (
            <span className="sidebar-me who">
              <Name className="name" name={me.display_name} handle={me.handle} /> <Handle handle={me.handle} />
            </span>
          )}
        </h2>
        <button
          type="button"
          className="icon-button"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => (unsent > 0 ? setAsking(true) : void signOut(signedIn))}
        >
          <LeaveIcon />
        </button>
      </header>
      {asking && <SignOutQuestion unsent={unsent} onLeave={() => void signOut(signedIn)} onStay={() => setAsking(false)} />}
      {me !== null && <HandleNotice me={me} />}
      <StartConversation />
      <GroupList view={inbox} />
    </section>
  );
}
