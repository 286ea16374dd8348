import { useEffect, useId, useState } from 'react';
import { usePageTitle } from '../shell/page-title.ts';
import { usePath } from '../route.tsx';
import { Logo } from '../shell/logo.tsx';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { problemText, usePageTexts } from '../texts/texts.tsx';
import type { Account, AccountState } from './account.ts';

/** The page of signed-out users. */
export function Welcome({ account, state }: { account: Account; state: AccountState }) {
  const { problem, notice } = state;
  const { text } = usePageTexts();
  const { text: own } = usePagesTexts();
  const path = usePath();
  const [leaving, setLeaving] = useState(false);
  const [onlyHere, setOnlyHere] = useState(false);
  const hint = useId();
  usePageTitle(own('welcome.signIn'));
  // After a sign-out of a page that could not show its messages.
  useEffect(() => {
    (navigator as Partial<Navigator>).clearAppBadge?.().catch(() => undefined);
  }, []);

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
        <p>{own('about')}</p>
        {notice !== undefined && <p role="status">{own(notice)}</p>}
        {problem !== null && (
          <p className="cruddur-problem" role="alert">
            {own('welcome.failed', { problem: problemText(text, problem) })}
          </p>
        )}
        <button type="button" className="cruddur-button cruddur-primary" onClick={() => void signIn()} disabled={leaving}>
          {own(leaving ? 'welcome.leaving' : 'welcome.signIn')}
        </button>
        <div className="cruddur-choice">
          <label>
            <input
              type="checkbox"
              checked={onlyHere}
              onChange={(event) => setOnlyHere(event.target.checked)}
              aria-describedby={hint}
            />
            {own('welcome.onlyHere')}
          </label>
          <p id={hint}>
            {own(onlyHere ? 'welcome.onlyHereYes' : 'welcome.onlyHereNo')}
          </p>
        </div>
      </div>
    </main>
  );
}
