import type { Renewal } from '../api/client.ts';
import type { Account, AccountState } from '../auth/account.ts';

/** A sign-in without an issuer. */
export class FakeAccount implements Account {
  renewal: Renewal = 'refused';
  readonly asked: string[] = [];
  accessToken = 'first-token';
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
    this.asked.push('renew');
    if (this.renewal === 'renewed') {
      this.accessToken = 'second-token';
    }
    return Promise.resolve(this.renewal);
  }

  lapse(): void {
    this.show({ ...this.#state, lapsed: true });
  }

  signIn(from: string, onlyHere = false): Promise<void> {
    this.asked.push(`sign in from ${from}${onlyHere ? ', only here' : ''}`);
    return Promise.resolve();
  }

  signOut(): Promise<void> {
    this.show({ person: null, lapsed: false, problem: null });
    return Promise.resolve();
  }

  show(state: AccountState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
