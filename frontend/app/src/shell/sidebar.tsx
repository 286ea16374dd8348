import { sameHandle } from '@cruddur/client';
import { Avatar, Handle, Inbox, Name, StartConversation, useMe, useOutbox } from '@cruddur/react';
import { lazy, Suspense, useState } from 'react';
import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { usePageTexts } from '../texts/texts.tsx';
import { LeaveIcon } from './leave-icon.tsx';
import { SignOutQuestion } from './sign-out-question.tsx';

const HandleNotice = lazy(async () => ({ default: (await import('./pages.ts')).HandleNotice }));

/** The signed-in user, the search for a recipient, and the inbox. */
export function Sidebar() {
  const { me: person } = useSignedIn();
  const signOut = useSignOut();
  const { text } = usePageTexts();
  const { me } = useMe();
  const [asking, setAsking] = useState(false);
  const unsent = useOutbox().filter(({ state }) => state.name !== 'sent').length;

  return (
    <section className="cruddur-sidebar" aria-label={text('screen.overview')}>
      <header className="cruddur-sidebar-head">
        {me !== null && <Avatar name={me.display_name} handle={me.handle} small />}
        <h2>
          {text('screen.messages')}
          {me !== null && (
            <span className="cruddur-sidebar-me cruddur-who">
              <Name className="cruddur-name" name={me.display_name} handle={me.handle} /> <Handle handle={me.handle} />
            </span>
          )}
        </h2>
        <button
          type="button"
          className="cruddur-icon-button"
          aria-label={text('signOut')}
          title={text('signOut')}
          onClick={() => (unsent > 0 ? setAsking(true) : signOut())}
        >
          <LeaveIcon />
        </button>
      </header>
      {asking && <SignOutQuestion unsent={unsent} onLeave={signOut} onStay={() => setAsking(false)} />}
      {me !== null && !sameHandle(person.handle, me.handle) && (
        <Suspense>
          <HandleNotice me={me} />
        </Suspense>
      )}
      <StartConversation />
      <Inbox />
    </section>
  );
}
