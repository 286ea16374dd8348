import { useId, useState } from 'react';
import { usePageTitle } from '../shell/page-title.ts';
import { usePath } from '../route.tsx';
import { Logo } from '../shell/logo.tsx';
import { problemText, usePageTexts } from '../texts/texts.tsx';
import type { Account, AccountState } from './account.ts';

/** The page of signed-out users. */
export function Welcome({ account, state }: { account: Account; state: AccountState }) {
  const { problem, notice } = state;
  const { text } = usePageTexts();
  const path = usePath();
  const [leaving, setLeaving] = useState(false);
  const [onlyHere, setOnlyHere] = useState(false);
  const hint = useId();
  usePageTitle(text('welcome.signIn'));

  async function signIn() {
    setLeaving(true);
    await account.signIn(path, onlyHere);
    // Reached only if the sign-in failed.
    setLeaving(false);
  }

  return (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{text('app')}</h1>
        <p>{text('about')}</p>
        {notice !== undefined && <p role="status">{text(notice)}</p>}
        {problem !== null && (
          <p className="cruddur-problem" role="alert">
            {text('welcome.failed', { problem: problemText(text, problem) })}
          </p>
        )}
        <button type="button" className="cruddur-button cruddur-primary" onClick={() => void signIn()} disabled={leaving}>
          {text(leaving ? 'welcome.leaving' : 'welcome.signIn')}
        </button>
        <div className="cruddur-choice">
          <label>
            <input
              type="checkbox"
              checked={onlyHere}
              onChange={(event) => setOnlyHere(event.target.checked)}
              aria-describedby={hint}
            />
            {text('welcome.onlyHere')}
          </label>
          <p id={hint}>
            {text(onlyHere ? 'welcome.onlyHereYes' : 'welcome.onlyHereNo')}
          </p>
        </div>
      </div>
    </main>
  );
}
