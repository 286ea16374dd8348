import { useState } from 'react';
import { SignOutQuestion } from '../groups/sign-out-question.tsx';
import { useOutbox } from '../outbox/use-outbox.ts';
import { leave, useSignedIn } from '../signed-in.tsx';
import { Mark } from './mark.tsx';
import { usePageTitle } from './page-title.ts';

/** For a good session whose person is not among the users. */
export function NotProvisioned({ onRetry }: { onRetry: () => void }) {
  const signedIn = useSignedIn();
  const { me } = signedIn;
  const [asking, setAsking] = useState(false);
  const unsent = useOutbox().filter(({ state }) => state.name !== 'sent').length;
  usePageTitle('Account not set up');
  return (
    <main className="plain-page">
      <div className="plain-card">
        <Mark />
        <h1>Your account is not set up yet</h1>
        <p>
          You are signed in{me.handle === '' ? '' : ` as @${me.handle}`}, but this account has no place in Cruddur yet. A
          new account may take a moment; if it takes longer, tell whoever runs this Cruddur.
        </p>
        {asking && (
          <SignOutQuestion unsent={unsent} onLeave={() => void leave(signedIn)} onStay={() => setAsking(false)} />
        )}
        <p className="actions">
          <button type="button" className="button primary" onClick={onRetry}>
            Try again
          </button>
          <button
            type="button"
            className="button"
            onClick={() => (unsent > 0 ? setAsking(true) : void leave(signedIn))}
          >
            Sign out
          </button>
        </p>
      </div>
    </main>
  );
}
