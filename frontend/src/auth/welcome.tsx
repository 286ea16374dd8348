import { useState } from 'react';
import { useLocation } from 'react-router';
import { usePageTitle } from '../shell/page-title.ts';
import { Mark } from '../shell/mark.tsx';
import type { Account } from './account.ts';

/** What one sees before signing in. */
export function Welcome({ account, problem }: { account: Account; problem: string | null }) {
  const location = useLocation();
  const [leaving, setLeaving] = useState(false);
  usePageTitle('Sign in');

  async function signIn() {
    setLeaving(true);
    await account.signIn(location.pathname);
    // Only a failure comes back here.
    setLeaving(false);
  }

  return (
    <main className="plain-page">
      <div className="plain-card">
        <Mark />
        <h1>Cruddur Messages</h1>
        <p>Direct messages between two people.</p>
        {problem !== null && (
          <p className="problem" role="alert">
            Signing in did not work. {problem}
          </p>
        )}
        <button type="button" className="button primary" onClick={() => void signIn()} disabled={leaving}>
          {leaving ? 'One moment…' : 'Sign in'}
        </button>
      </div>
    </main>
  );
}
