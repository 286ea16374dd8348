import type { Renewal } from '@cruddur/client';
import type { Account, AccountState } from '../auth/account.ts';

/** An account without an issuer. */
export class FakeAccount implements Account {
  renewal: Renewal = 'refused';
  /** The calls of `renew` and `signIn`. */
  readonly calls: string[] = [];
  accessToken = 'first-token';
  readonly isOnlyHere: boolean = false;
  #state: AccountState = {
    person: { id: 'sub-of-sunyoung', handle: 'sunyoung', name: 'Sunyoung Lee' },
    lapsed: false,
    problem: null,
  };
  readonly #listeners = new Set<() => void>();

  readonly state = () => this.#state;
  readonly subscribe = (listener: () => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  token(): string {
    return this.accessToken;
  }

  renew(): Promise<Renewal> {
    this.calls.push('renew');
    if (this.renewal === 'renewed') {
      this.accessToken = 'second-token';
    }
    return Promise.resolve(this.renewal);
  }

  lapse(): void {
    this.setState({ ...this.#state, lapsed: true });
  }

  signIn(from: string, onlyHere = false): Promise<void> {
    this.calls.push(`sign in from ${from}${onlyHere ? ', only here' : ''}`);
    return Promise.resolve();
  }

  signOut(): Promise<void> {
    this.setState({ person: null, lapsed: false, problem: null });
    return Promise.resolve();
  }

  setState(state: AccountState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
