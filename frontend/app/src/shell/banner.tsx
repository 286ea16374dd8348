import { useIsTroubled } from '@cruddur/react';
import { useAccountState } from '../auth/use-account.ts';
import { usePath } from '../route.tsx';
import { useSignedIn } from '../signed-in.tsx';
import { problemText, usePageTexts } from '../texts/texts.tsx';
import { useOnline } from './use-online.ts';

/** The state of the session or the connection, if it needs attention. */
export function Banner() {
  const { account } = useSignedIn();
  const { lapsed, problem } = useAccountState(account);
  const { text } = usePageTexts();
  const troubled = useIsTroubled();
  const online = useOnline();
  const path = usePath();

  if (lapsed) {
    return (
      <div className="cruddur-banner cruddur-warning" role="alert">
        <span>
          {text('banner.ended')}
          {problem !== null && ` ${text('banner.signInFailed', { problem: problemText(text, problem) })}`}
        </span>
        <button type="button" className="cruddur-button cruddur-small" onClick={() => void account.signIn(path)}>
          {text('banner.signInAgain')}
        </button>
      </div>
    );
  }
  const state = online ? troubled && text('banner.troubled') : text('banner.offline');
  return (
    <div role="status" className={state === false ? 'cruddur-visually-hidden' : 'cruddur-banner'}>
      {state}
    </div>
  );
}
