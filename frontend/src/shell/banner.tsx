import { useLocation } from 'react-router';
import { useAccountState } from '../auth/use-account.ts';
import { useIsTroubled } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { useOnline } from './use-online.ts';

/** The one thing about the connection that one should know now. */
export function Banner() {
  const { account } = useSignedIn();
  const { lapsed, problem } = useAccountState(account);
  const troubled = useIsTroubled();
  const online = useOnline();
  const location = useLocation();

  if (lapsed) {
    return (
      <div className="banner warning" role="alert">
        <span>
          Your session has ended. What you have written is kept.
          {problem !== null && ` Signing in did not work: ${problem}`}
        </span>
        <button type="button" className="button small" onClick={() => void account.signIn(location.pathname)}>
          Sign in again
        </button>
      </div>
    );
  }
  const text = online
    ? troubled && "The server can't be reached at the moment. Trying again…"
    : 'You are offline. What you write is sent once you are back.';
  return (
    <div role="status" className={text === false ? 'visually-hidden' : 'banner'}>
      {text}
    </div>
  );
}
