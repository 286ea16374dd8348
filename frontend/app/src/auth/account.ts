import type { Credentials } from '@cruddur/client';
import type { Problem } from './problem.ts';

/** The signed-in person, from the id token. */
export interface Person {
  /** The token's `sub`. */
  id: string;
  handle: string;
  name: string;
}

export interface AccountState {
  person: Person | null;
  /** Whether the session has ended. The page still shows what it has loaded. */
  lapsed: boolean;
  /** Whether the token has expired and the issuer is unreachable. */
  troubled?: boolean;
  /** Why the last sign-in failed. */
  problem: Problem | null;
  /** Why this tab has no session, if the reason is not obvious. */
  notice?: 'welcome.copy';
}

/** The sign-in of this browser, or of this tab. */
export interface Account extends Credentials {
  /** Whether the session belongs to this tab, for example on a shared computer. */
  readonly isOnlyHere: boolean;
  readonly state: () => AccountState;
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Leaves for the issuer's sign-in page, which redirects back to `from`. `onlyHere` hides the session from other tabs; by
   * default the new session is stored where the old one was.
   */
  signIn(from: string, onlyHere?: boolean): Promise<void>;
  signOut(): Promise<void>;
}

/**
 * The credentials of one person. Another tab may sign in as another person at any time, and a request of one person must
 * never have the other's token.
 */
export function credentialsOf(account: Account, person: Person): Credentials {
  const isCurrent = () => account.state().person?.id === person.id;
  return {
    token: () => (isCurrent() ? account.token() : undefined),
    renew: async () => {
      const renewal = isCurrent() ? await account.renew() : 'refused';
      return isCurrent() ? renewal : 'refused';
    },
    lapse: () => {
      if (isCurrent()) {
        account.lapse();
      }
    },
  };
}
