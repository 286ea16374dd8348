import { ErrorResponse, type User, UserManager, WebStorageStateStore } from 'oidc-client-ts';
import type { Renewal } from '../api/client.ts';
import type { Config } from '../config.ts';
import type { Account, AccountState, Person } from './account.ts';
import { returnPath } from './return-path.ts';

/** An account of the configured issuer: authorization code with PKCE, renewed with the refresh token. */
export class OidcAccount implements Account {
  readonly #manager: UserManager;
  readonly #config: Config;
  readonly #home: string;
  readonly #listeners = new Set<() => void>();
  #user: User | null = null;
  #state: AccountState = { person: null, lapsed: false, problem: null };
  #renewal: Promise<Renewal> | null = null;

  /** `home` is the address of the page's first path, with a slash at the end. */
  constructor(config: Config, home: string) {
    this.#config = config;
    this.#home = home;
    this.#manager = new UserManager({
      authority: config.authority,
      client_id: config.clientId,
      scope: config.scope,
      redirect_uri: `${home}callback`,
      response_type: 'code',
      // Two windows may be two people.
      userStore: new WebStorageStateStore({ store: sessionStorage }),
      stateStore: new WebStorageStateStore({ store: sessionStorage }),
      // `renew` does it, so that the timer and a refused request never spend one refresh token twice.
      automaticSilentRenew: false,
      requestTimeoutInSeconds: 15,
    });
    this.#manager.events.addAccessTokenExpiring(() => void this.renew());
    this.#manager.events.addUserLoaded((user) => this.#set(user));
  }

  /** Reads the session of this window, and first ends a sign-in that comes back. Answers the path to show. */
  async open(location: Location): Promise<string | null> {
    const parameters = new URLSearchParams(location.search);
    const comesBack =
      location.href.startsWith(this.#manager.settings.redirect_uri) &&
      parameters.has('state') &&
      (parameters.has('code') || parameters.has('error'));
    try {
      if (comesBack) {
        const user = await this.#manager.signinRedirectCallback();
        this.#set(user);
        return returnPath(user.state);
      }
      this.#set(await this.#manager.getUser());
    } catch (error) {
      const problem =
        error instanceof ErrorResponse || error instanceof TypeError
          ? problemOf(error)
          : 'It was begun in another window, or too long ago. Try again.';
      this.#set(await this.#manager.getUser().catch(() => null), problem);
      return comesBack ? returnPath(null) : null;
    }
    return null;
  }

  readonly state = (): AccountState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  token(): string | undefined {
    return this.#user?.expired === true ? undefined : this.#user?.access_token;
  }

  renew(): Promise<Renewal> {
    this.#renewal ??= this.#renewNow().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  lapse(): void {
    this.#show({ ...this.#state, lapsed: true });
  }

  async signIn(from: string): Promise<void> {
    try {
      await this.#manager.signinRedirect({ state: { from } });
    } catch (error) {
      this.#show({ ...this.#state, problem: problemOf(error) });
    }
  }

  async signOut(): Promise<void> {
    // Where the issuer knows no revocation, or can't be reached, the tokens are forgotten all the same.
    await this.#manager.revokeTokens(['refresh_token']).catch(() => undefined);
    await this.#manager.removeUser();
    this.#set(null);
    if (this.#config.logoutUrl !== null) {
      const url = new URL(this.#config.logoutUrl);
      url.searchParams.set('client_id', this.#config.clientId);
      url.searchParams.set('logout_uri', this.#home);
      window.location.assign(url);
    }
  }

  async #renewNow(): Promise<Renewal> {
    if (this.#user?.refresh_token === undefined) {
      return 'refused';
    }
    try {
      this.#set(await this.#manager.signinSilent());
      return 'renewed';
    } catch (error) {
      return error instanceof ErrorResponse ? 'refused' : 'unreachable';
    }
  }

  #set(user: User | null, problem: string | null = null): void {
    this.#user = user;
    this.#show({ person: user && personOf(user), lapsed: false, problem });
  }

  #show(state: AccountState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

function personOf({ profile }: User): Person {
  const handle = profile.preferred_username ?? '';
  return { id: profile.sub, handle, name: profile.name ?? handle };
}

function problemOf(error: unknown): string {
  if (error instanceof ErrorResponse) {
    return error.error_description ?? error.error ?? 'The sign-in page answered with an error.';
  }
  if (error instanceof TypeError) {
    return "The sign-in page can't be reached.";
  }
  return error instanceof Error ? error.message : 'Something went wrong.';
}
