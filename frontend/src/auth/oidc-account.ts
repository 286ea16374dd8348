import { ErrorResponse, OidcClient, type StateStore } from 'oidc-client-ts';
import type { Renewal } from '../api/client.ts';
import type { Config } from '../config.ts';
import { allowsConnection } from '../content-security-policy.ts';
import { backOff, LONGEST_TIMER, retryAfterMillis } from '../polling/back-off.ts';
import { exclusively } from '../storage/exclusively.ts';
import { local, session as tab } from '../storage/local.ts';
import type { Account, AccountState, Person } from './account.ts';
import { returnPath } from './return-path.ts';
import { SessionStore } from './session-store.ts';
import { type Session, fieldsOf, isExpired, sessionOf } from './session.ts';
import { refresh } from './token-endpoint.ts';

/** How long a response of the issuer may take. */
const TIMEOUT = 15_000;
/** How long before its end an access token is renewed, if it lives long enough. */
const MARGIN = 60_000;
/** How long to wait for another tab's refresh. */
const PATIENCE = 20_000;
/** How long signing out waits for a refresh that is under way. */
const SIGN_OUT_PATIENCE = 5000;
/** The longest pause between two refreshes that failed for a while. */
const LONGEST_PAUSE = 60_000;

/**
 * An account of the configured issuer: authorization code with PKCE, renewed with the refresh token.
 *
 * The tabs of a browser share one session. One tab at a time spends the refresh token, and the others take over the new
 * tokens, so an issuer that rotates refresh tokens sees each token once.
 */
export class OidcAccount implements Account {
  readonly #client: OidcClient;
  readonly #store: SessionStore;
  readonly #config: Config;
  readonly #home: string;
  readonly #listeners = new Set<() => void>();
  #session: Session | null = null;
  #state: AccountState = { person: null, lapsed: false, problem: null };
  #renewal: Promise<Renewal> | null = null;
  #failures = 0;
  /** When the next refresh may be tried, by the clock of `performance.now`. */
  #notBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `home` is the address of the page's first path, with a slash at the end. */
  constructor(config: Config, home: string) {
    this.#config = config;
    this.#home = home;
    this.#store = new SessionStore(config.authority, config.clientId);
    this.#client = new OidcClient({
      authority: config.authority,
      client_id: config.clientId,
      scope: config.scope,
      redirect_uri: `${home}callback`,
      response_type: 'code',
      stateStore: pendingSignIns(),
      requestTimeoutInSeconds: TIMEOUT / 1000,
    });
  }

  /** Reads the session, and first ends a sign-in that comes back. Returns the path to show. */
  async open(location: Location): Promise<string | null> {
    const isOwn = await this.#store.claim();
    window.addEventListener('storage', this.#onStorage);
    window.addEventListener('online', this.#hurry);
    // A page that was frozen, or kept by the browser for "Back", has missed events.
    document.addEventListener('visibilitychange', this.#takeOver);
    window.addEventListener('pageshow', this.#takeOver);
    const parameters = new URLSearchParams(location.search);
    const comesBack =
      location.href.startsWith(this.#client.settings.redirect_uri) &&
      parameters.has('state') &&
      (parameters.has('code') || parameters.has('error'));
    if (comesBack) {
      return await this.#endSignIn(location.href);
    }
    this.#adopt(this.#store.read());
    if (!isOwn && this.#session === null) {
      this.#show({ ...this.#state, notice: 'The tab that this one is a copy of stays signed in, and only that tab.' });
    }
    return null;
  }

  /** Stops listening and renewing. */
  close(): void {
    clearTimeout(this.#timer);
    window.removeEventListener('storage', this.#onStorage);
    window.removeEventListener('online', this.#hurry);
    document.removeEventListener('visibilitychange', this.#takeOver);
    window.removeEventListener('pageshow', this.#takeOver);
  }

  readonly state = (): AccountState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  token(): string | undefined {
    return this.#session === null || isExpired(this.#session) ? undefined : this.#session.access_token;
  }

  renew(): Promise<Renewal> {
    this.#renewal ??= this.#renewNow().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  lapse(): void {
    if (this.#state.person !== null) {
      this.#show({ ...this.#state, lapsed: true });
    }
  }

  async signIn(from: string, onlyHere = this.#store.onlyHere): Promise<void> {
    try {
      if (!tab.works() && !local.works()) {
        throw new Error('This browser lets the page store nothing. Allow cookies and site data for it, and reload.');
      }
      await this.#endpoint();
      const { url } = await this.#client.createSigninRequest({ state: { from, onlyHere } });
      await leaveFor(url);
    } catch (error) {
      this.#show({ ...this.#state, problem: problemOf(error) });
    }
  }

  async signOut(): Promise<void> {
    const end = async () => {
      const session = this.#store.read() ?? this.#session;
      this.#store.remove();
      return session;
    };
    // A refresh that is under way would store its tokens afterwards.
    const session = await exclusively(this.#store.lock, SIGN_OUT_PATIENCE, end).catch(end);
    if (session?.refresh_token !== undefined) {
      await this.#revoke(session.refresh_token);
    }
    this.#adopt(null);
    if (this.#config.logoutUrl !== null) {
      const url = new URL(this.#config.logoutUrl);
      url.searchParams.set('client_id', this.#config.clientId);
      url.searchParams.set('logout_uri', this.#home);
      window.location.assign(url);
    }
  }

  async #endSignIn(url: string): Promise<string> {
    let path = returnPath(null);
    try {
      const response = await within(2 * TIMEOUT, this.#client.processSigninResponse(url));
      const session = sessionOf(response);
      if (session === null) {
        throw new Error('The sign-in page gave no token that says who you are.');
      }
      this.#store.begin(session, fieldsOf(response.userState)['onlyHere'] === true);
      await this.#store.claim();
      this.#adopt(session);
      path = returnPath(response.userState);
    } catch (error) {
      const isKnown = error instanceof ErrorResponse || error instanceof TypeError || isUnfit(error);
      this.#adopt(
        this.#store.read(),
        isKnown ? problemOf(error) : 'It was begun in another window, or too long ago. Try again.',
      );
    }
    return path;
  }

  async #renewNow(): Promise<Renewal> {
    if (this.#session === null) {
      return 'refused';
    }
    if (performance.now() < this.#notBefore) {
      return 'unreachable';
    }
    const before = this.#session;
    try {
      const endpoint = await this.#endpoint();
      return await exclusively(this.#store.lock, PATIENCE, () => this.#renewAlone(before, endpoint));
    } catch {
      // Another tab holds the lock for too long, or the discovery document can't be loaded.
      return this.#postpone(null);
    }
  }

  /** Renews under the lock. `before` is the session whose token the API rejected, or which expires. */
  async #renewAlone(before: Session, endpoint: string): Promise<Renewal> {
    const stored = this.#store.read();
    if (stored === null || stored.profile.sub !== before.profile.sub) {
      // Another tab has signed out, or signed in as another person.
      this.#adopt(stored);
      return 'refused';
    }
    if (stored.access_token !== before.access_token && !isExpired(stored)) {
      this.#adopt(stored);
      return 'renewed';
    }
    if (stored.refresh_token === undefined) {
      return 'refused';
    }
    const refreshed = await refresh(endpoint, this.#config.clientId, stored);
    if (refreshed.kind === 'later') {
      return this.#postpone(refreshed.retryAfter);
    }
    if (refreshed.kind === 'refused') {
      return 'refused';
    }
    const { session } = refreshed;
    const now = this.#store.read();
    if (now?.refresh_token !== stored.refresh_token) {
      // A tab that did not wait for the lock has signed out, or in again.
      if (session.refresh_token !== undefined && session.refresh_token !== stored.refresh_token) {
        await this.#revoke(session.refresh_token);
      }
      this.#adopt(now);
      return now?.profile.sub === before.profile.sub ? 'renewed' : 'refused';
    }
    this.#store.write(session);
    this.#adopt(session);
    return 'renewed';
  }

  #postpone(retryAfter: number | null): Renewal {
    this.#failures += 1;
    const pause = Math.max(backOff(this.#failures, Math.random()), retryAfterMillis(retryAfter, LONGEST_PAUSE));
    this.#notBefore = performance.now() + pause;
    if (this.token() === undefined && this.#state.troubled !== true) {
      this.#show({ ...this.#state, troubled: true });
    }
    return 'unreachable';
  }

  async #endpoint(): Promise<string> {
    const endpoint = await within(TIMEOUT, this.#client.metadataService.getTokenEndpoint(false));
    if (endpoint === undefined) {
      throw new Error('The issuer names no token endpoint.');
    }
    if (!allowsConnection(this.#config, endpoint)) {
      throw new Error(
        `config.json: add "${new URL(endpoint).origin}" to "connect_to"; the issuer's token endpoint is there.`,
      );
    }
    return endpoint;
  }

  /** Removes the tokens also if the issuer has no revocation endpoint or can't be reached. */
  async #revoke(refreshToken: string): Promise<void> {
    await within(TIMEOUT, this.#client.revokeToken(refreshToken, 'refresh_token')).catch(() => undefined);
  }

  readonly #onStorage = ({ key }: StorageEvent): void => {
    if (key === null || key === this.#store.key) {
      this.#takeOver();
    }
  };

  /** Takes over what another tab has made of the session. */
  readonly #takeOver = (): void => {
    const stored = this.#store.read();
    if (JSON.stringify(stored) !== JSON.stringify(this.#session)) {
      this.#adopt(stored);
    }
  };

  readonly #hurry = (): void => {
    this.#notBefore = 0;
    this.#arm();
  };

  #adopt(session: Session | null, problem: string | null = null): void {
    this.#session = session;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#arm();
    this.#show({ person: session && personOf(session), lapsed: false, problem });
  }

  /** Sets the timer for the next refresh. */
  #arm(): void {
    clearTimeout(this.#timer);
    const { expires_at: expiresAt, refresh_token: refreshToken } = this.#session ?? {};
    if (expiresAt === undefined || refreshToken === undefined || this.#state.lapsed) {
      return;
    }
    const left = expiresAt * 1000 - Date.now();
    const wait = Math.max(left - Math.min(MARGIN, left / 4), this.#notBefore - performance.now(), 0);
    this.#timer = setTimeout(() => void this.#onTimer(wait > LONGEST_TIMER), Math.min(wait, LONGEST_TIMER));
  }

  async #onTimer(isEarly: boolean): Promise<void> {
    const renewal = isEarly ? 'unreachable' : await this.renew();
    // A renewed session has a timer already, and a refused one is left to the next request.
    if (renewal === 'unreachable') {
      this.#arm();
    }
  }

  #show(state: AccountState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Sign-ins that have not come back yet. They belong to the tab, unless the browser keeps nothing for a tab. */
function pendingSignIns(): StateStore {
  const prefix = 'cruddur.sign-in.';
  const storage = tab.works() ? tab : local;
  return {
    set: async (key, value) => void storage.set(prefix + key, value),
    get: async (key) => storage.get(prefix + key),
    remove: async (key) => {
      const value = storage.get(prefix + key);
      storage.remove(prefix + key);
      return value;
    },
    getAllKeys: async () => storage.keys(prefix).map((key) => key.slice(prefix.length)),
  };
}

/** Rejects if the issuer takes longer: oidc-client-ts waits for the body of a response for as long as it takes. */
function within<Result>(millis: number, answer: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('The sign-in page does not answer.')), millis);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** Resolves when the page is shown again: the browser may have kept it for "Back". */
function leaveFor(url: string): Promise<void> {
  return new Promise((resolve) => {
    window.addEventListener('pageshow', () => resolve(), { once: true });
    window.location.assign(url);
  });
}

function personOf({ profile }: Session): Person {
  const handle = profile.preferred_username ?? '';
  return { id: profile.sub, handle, name: profile.name ?? handle };
}

/** Whether the sign-in came back to the right place with something that can't be used. */
function isUnfit(error: unknown): boolean {
  return error instanceof Error && !/state/i.test(error.message);
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
