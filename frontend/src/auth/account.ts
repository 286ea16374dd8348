import type { Credentials } from '../api/client.ts';

/** Who is signed in. */
export interface Person {
  /** The token's `sub`. */
  id: string;
  handle: string;
  name: string;
}

export interface AccountState {
  person: Person | null;
  /** The session has ended, while its page goes on showing what it knows. */
  lapsed: boolean;
  /** There is no token at the moment: it has expired, and the issuer can't be reached. */
  troubled?: boolean;
  /** Why signing in did not work. */
  problem: string | null;
  /** Why this tab has no session, if there is more to say than that. */
  notice?: string;
}

/** The sign-in of this browser, or of this tab. */
export interface Account extends Credentials {
  readonly state: () => AccountState;
  readonly subscribe: (listener: () => void) => () => void;
  /**
   * Leaves the page for the issuer's, which leads back to `from`. `onlyHere` keeps the session from other tabs; without
   * it the new session is kept where the old one was.
   */
  signIn(from: string, onlyHere?: boolean): Promise<void>;
  signOut(): Promise<void>;
}

/**
 * The credentials of one person. Another tab may sign in as another person at any time, and a request of one person must
 * never carry the other's token.
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
