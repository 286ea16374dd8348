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
  /** Why signing in did not work. */
  problem: string | null;
}

/** The sign-in of this window. */
export interface Account extends Credentials {
  readonly state: () => AccountState;
  readonly subscribe: (listener: () => void) => () => void;
  /** Leaves the page for the issuer's, which leads back to `from`. */
  signIn(from: string): Promise<void>;
  signOut(): Promise<void>;
}
