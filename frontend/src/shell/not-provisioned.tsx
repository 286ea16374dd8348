import { useState } from 'react';
import { SignOutQuestion } from '../groups/sign-out-question.tsx';
import { useOutbox } from '../outbox/use-outbox.ts';
import { signOut, useSignedIn } from '../signed-in.tsx';
import { Logo } from './logo.tsx';
import { usePageTitle } from './page-title.ts';

/** The page of a person with a valid session and no user in the database. */
export function NotProvisioned({ onRetry }: { onRetry: () => void }) {
  const signedIn = useSignedIn();
  const { me } = signedIn;
  const [asking, setAsking] = useState(false);
  const unsent = useOutbox().filter(({ state }) => state.name !== 'sent').length;
  usePageTitle('Account not set up');
  return (
    <main className="plain-page">
      <div className="plain-card">
        <Logo />
        <h1>Your account is not set up yet</h1>
        <p>
          You are signed in{me.handle === '' ? '' : ` as @${me.handle}`}, but this account is not set up in Cruddur yet. A
          new account may take a moment. If it takes longer, contact the administrator.
        </p>
        {asking && (
          <SignOutQuestion unsent={unsent} onLeave={() => void signOut(signedIn)} onStay={() => setAsking(false)} />
        )}
        <p className="actions">
          <button type="button" className="button primary" onClick={onRetry}>
            Try again
          </button>
          <button
            type="button"
            className="button"
            onClick={() => (unsent > 0 ? setAsking(true) : void signOut(signedIn))}
          >
            Sign out
          </button>
        </p>
      </div>
    </main>
  );
}
