import { useId, useState } from 'react';
import { useLocation } from 'react-router';
import { usePageTitle } from '../shell/page-title.ts';
import { Logo } from '../shell/logo.tsx';
import type { Account, AccountState } from './account.ts';

/** The page of signed-out users. */
export function Welcome({ account, state }: { account: Account; state: AccountState }) {
  const { problem, notice } = state;
  const location = useLocation();
  const [leaving, setLeaving] = useState(false);
  const [onlyHere, setOnlyHere] = useState(false);
  const hint = useId();
  usePageTitle('Sign in');

  async function signIn() {
    setLeaving(true);
    await account.signIn(location.pathname, onlyHere);
    // Reached only if the sign-in failed.
    setLeaving(false);
  }

  return (
    <main className="plain-page">
      <div className="plain-card">
        <Logo />
        <h1>Cruddur Messages</h1>
        <p>Direct messages between two people.</p>
        {notice !== undefined && <p role="status">{notice}</p>}
        {problem !== null && (
          <p className="problem" role="alert">
            Sign-in failed. {problem}
          </p>
        )}
        <button type="button" className="button primary" onClick={() => void signIn()} disabled={leaving}>
          {leaving ? 'One moment…' : 'Sign in'}
        </button>
        <div className="choice">
          <label>
            <input
              type="checkbox"
              checked={onlyHere}
              onChange={(event) => setOnlyHere(event.target.checked)}
              aria-describedby={hint}
            />
            Only in this tab
          </label>
          <p id={hint}>
            {onlyHere
              ? 'You are signed out when you close this tab. Other tabs are not signed in.'
              : 'You stay signed in on this device, in all tabs, until you sign out.'}
          </p>
        </div>
      </div>
    </main>
  );
}
