import { sameHandle } from '@cruddur/client';
import { Avatar, Handle, Inbox, Name, StartConversation, useMe } from '@cruddur/react';
import { lazy, type ReactNode, Suspense, useState } from 'react';
import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { usePageTexts } from '../texts/texts.tsx';
import { LeaveIcon } from './leave-icon.tsx';
import type { BrowserChoices } from './settings.tsx';
import { SettingsIcon } from './settings-icon.tsx';
import { SignOutQuestion } from './sign-out-question.tsx';
import { useLeaving } from './use-unsent.ts';

const Settings = lazy(async () => ({ default: (await import('./pages.ts')).Settings }));
const HandleNotice = lazy(async () => ({ default: (await import('./pages.ts')).HandleNotice }));

interface Props extends BrowserChoices {
  /** The section of the message requests. */
  requests: ReactNode;
}

/** The signed-in user, the search for a recipient, the message requests, and the inbox. */
export function Sidebar({ requests, ...choices }: Props) {
  const { me: person } = useSignedIn();
  const signOut = useSignOut();
  const { text } = usePageTexts();
  const { me } = useMe();
  const { deleted, leave, stay } = useLeaving();
  const [isSetting, setSetting] = useState(false);

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
          aria-label={text('settings')}
          title={text('settings')}
          aria-haspopup="dialog"
          onClick={() => setSetting(true)}
        >
          <SettingsIcon />
        </button>
        <button
          type="button"
          className="cruddur-icon-button"
          aria-label={text('signOut')}
          title={text('signOut')}
          onClick={leave}
        >
          <LeaveIcon />
        </button>
      </header>
      {isSetting && (
        <Suspense>
          <Settings {...choices} onClose={() => setSetting(false)} />
        </Suspense>
      )}
      {deleted !== '' && (
        <SignOutQuestion
          question={deleted}
          leave={text('signOut.leave')}
          onLeave={signOut}
          onStay={stay}
        />
      )}
      {me !== null && !sameHandle(person.handle, me.handle) && (
        <Suspense>
          <HandleNotice me={me} />
        </Suspense>
      )}
      <StartConversation />
      {requests}
      <Inbox />
    </section>
  );
}
