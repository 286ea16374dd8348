import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { usePagesTexts } from '../texts/pages/use-pages-texts.ts';
import { usePageTexts } from '../texts/texts.tsx';
import { Logo } from './logo.tsx';
import { usePageTitle } from './page-title.ts';
import { SignOutQuestion } from './sign-out-question.tsx';
import { useLeaving } from './use-unsent.ts';

/** The page of a person with a valid session and no user in the database. */
export function NotProvisioned({ onRetry }: { onRetry: () => void }) {
  const { me } = useSignedIn();
  const signOut = useSignOut();
  const { text } = usePageTexts();
  const { text: own } = usePagesTexts();
  const { deleted, leave, stay } = useLeaving();
  usePageTitle(own('account.title'));
  return (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{own('account.heading')}</h1>
        <p>{me.handle === '' ? own('account.text') : own('account.textAs', { handle: `@${me.handle}` })}</p>
        {deleted !== '' && (
          <SignOutQuestion
            question={deleted}
            leave={text('signOut.leave')}
            onLeave={signOut}
            onStay={stay}
          />
        )}
        <p className="cruddur-actions">
          <button type="button" className="cruddur-button cruddur-primary" onClick={onRetry}>
            {text('tryAgain')}
          </button>
          <button
            type="button"
            className="cruddur-button"
            onClick={leave}
          >
            {text('signOut')}
          </button>
        </p>
      </div>
    </main>
  );
}
