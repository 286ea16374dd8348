import { useLocation } from 'react-router';
import { useAccountState } from '../auth/use-account.ts';
import { useIsTroubled } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { useOnline } from './use-online.ts';

/** The state of the session or the connection, if it needs attention. */
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
          {problem !== null && ` Sign-in failed: ${problem}`}
        </span>
        <button type="button" className="button small" onClick={() => void account.signIn(location.pathname)}>
          Sign in again
        </button>
      </div>
    );
  }
  const text = online
    ? troubled && "The server can't be reached at the moment. Trying again…"
    : 'You are offline. Your messages are sent when you are back online.';
  return (
    <div role="status" className={text === false ? 'visually-hidden' : 'banner'}>
      {text}
    </div>
  );
}
