import type { Renewal } from '@cruddur/client';
import type { Config } from '../config.ts';
import { allowsConnection } from '../content-security-policy.ts';
import { backOff, MAX_TIMER_DELAY, retryAfterMillis } from '@cruddur/client';
import { exclusively } from './exclusively.ts';
import { local, session as tab } from './storage.ts';
import type { Account, AccountState, Person } from './account.ts';
import { discover, type Endpoints } from './discovery.ts';
import { type Problem, problemOf, SignInError } from './problem.ts';
import { returnPath } from './return-path.ts';
import { SessionStore } from './session-store.ts';
import { type Session, isExpired } from './session.ts';
import { refresh, revoke } from './token-endpoint.ts';

/** Milliseconds for a response of the issuer. */
const TIMEOUT = 15_000;
/** How long before its expiry an access token is renewed, unless its lifetime is short. */
const RENEWAL_MARGIN = 60_000;
/** Milliseconds to wait for another tab's refresh. */
const LOCK_TIMEOUT = 20_000;
/** Milliseconds that a sign-out waits for a refresh in progress. */
const SIGN_OUT_LOCK_TIMEOUT = 5000;
/** The longest pause after a failed refresh. */
const MAX_PAUSE = 60_000;

/**
 * An account of the configured issuer: authorization code with PKCE, renewed with the refresh token.
 *
 * The tabs of a browser share one session. One tab at a time uses the refresh token, and the others adopt the new tokens,
 * so an issuer that rotates refresh tokens sees each token once.
 */
export class OidcAccount implements Account {
  readonly #store: SessionStore;
  readonly #config: Config;
  readonly #home: string;
  #endpoints: Promise<Endpoints> | null = null;
  readonly #listeners = new Set<() => void>();
  #session: Session | null = null;
  #state: AccountState = { person: null, lapsed: false, problem: null };
  #renewal: Promise<Renewal> | null = null;
  #failures = 0;
  /** The earliest time of the next refresh, by `performance.now`. */
  #notBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `home` is the page's base URL with a trailing slash. */
  constructor(config: Config, home: string) {
    this.#config = config;
    this.#home = home;
    this.#store = new SessionStore(config.authority, config.clientId);
  }

  /** Loads the session, after completing a sign-in if the issuer redirected here. Returns the path of the sign-in. */
  async open(location: Location): Promise<string | null> {
    const isOwn = await this.#store.claim();
    window.addEventListener('storage', this.#onStorage);
    window.addEventListener('online', this.#retryNow);
    // A page that was frozen or in the back/forward cache has missed events.
    document.addEventListener('visibilitychange', this.#adoptStored);
    window.addEventListener('pageshow', this.#adoptStored);
    const parameters = new URLSearchParams(location.search);
    const isRedirect =
      location.href.startsWith(this.#redirectUri) && (parameters.has('code') || parameters.has('error'));
    if (isRedirect && parameters.has('state')) {
      return await this.#completeSignIn(location.href);
    }
    if (isRedirect) {
      // Not the end of a sign-in that this page started.
      this.#adopt(this.#store.read(), { key: 'signIn.refused' });
      return returnPath(null);
    }
    this.#adopt(this.#store.read());
    if (!isOwn && this.#session === null) {
      this.#setState({ ...this.#state, notice: 'welcome.copy' });
    }
    return null;
  }

  /** Stops listening and renewing. */
  close(): void {
    clearTimeout(this.#timer);
    window.removeEventListener('storage', this.#onStorage);
    window.removeEventListener('online', this.#retryNow);
    document.removeEventListener('visibilitychange', this.#adoptStored);
    window.removeEventListener('pageshow', this.#adoptStored);
  }

  get isOnlyHere(): boolean {
    return this.#store.onlyHere;
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
      this.#setState({ ...this.#state, lapsed: true });
    }
  }

  async signIn(from: string, onlyHere = this.#store.onlyHere): Promise<void> {
    try {
      if (!tab.works() && !local.works()) {
        throw new SignInError({ key: 'signIn.noStorage' });
      }
      await this.#endpoint();
      const { signInUrl } = await loadSignIn();
      await leaveFor(await signInUrl(this.#config, this.#redirectUri, { from, onlyHere }, this.#state.lapsed));
    } catch (error) {
      this.#setState({ ...this.#state, problem: problemOf(error) });
    }
  }

  async signOut(): Promise<void> {
    const end = async () => {
      const session = this.#store.read() ?? this.#session;
      this.#store.remove();
      return session;
    };
    // Otherwise a refresh in progress could store its tokens after this.
    const session = await exclusively(this.#store.lock, SIGN_OUT_LOCK_TIMEOUT, end).catch(end);
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

  async #completeSignIn(url: string): Promise<string> {
    try {
      const { completeSignIn } = await loadSignIn();
      const { session, state } = await completeSignIn(this.#config, this.#redirectUri, url);
      this.#store.begin(session, state['onlyHere'] === true);
      await this.#store.claim();
      this.#adopt(session);
      return returnPath(state);
    } catch (error) {
      this.#adopt(this.#store.read(), problemOf(error));
      return returnPath(null);
    }
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
      return await exclusively(this.#store.lock, LOCK_TIMEOUT, () => this.#renewAlone(before, endpoint));
    } catch {
      // Another tab held the lock for too long, or the discovery document can't be loaded.
      return this.#postpone(null);
    }
  }

  /** Renews the session; the caller holds the lock. `before` has the token that expires or was rejected. */
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
      // A tab that did not wait for the lock has signed out, or signed in again.
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
    const pause = Math.max(backOff(this.#failures, Math.random()), retryAfterMillis(retryAfter, MAX_PAUSE));
    this.#notBefore = performance.now() + pause;
    if (this.token() === undefined && this.#state.troubled !== true) {
      this.#setState({ ...this.#state, troubled: true });
    }
    return 'unreachable';
  }

  get #redirectUri(): string {
    return `${this.#home}callback`;
  }

  /** The token endpoint. */
  async #endpoint(): Promise<string> {
    const { token } = await this.#discovered();
    if (token === undefined) {
      throw new SignInError({ key: 'signIn.noEndpoint' });
    }
    if (!allowsConnection(this.#config, token)) {
      throw new SignInError({ key: 'signIn.connectTo', values: { origin: new URL(token).origin } });
    }
    return token;
  }

  #discovered(): Promise<Endpoints> {
    this.#endpoints ??= discover(this.#config.authority, TIMEOUT).catch((error: unknown) => {
      this.#endpoints = null;
      throw error;
    });
    return this.#endpoints;
  }

  /** Revokes a refresh token. Ignores failures: some issuers have no revocation endpoint. */
  async #revoke(refreshToken: string): Promise<void> {
    const revoked = async () => {
      const { revocation } = await this.#discovered();
      if (revocation !== undefined) {
        await revoke(revocation, this.#config.clientId, refreshToken);
      }
    };
    await revoked().catch(() => undefined);
  }

  readonly #onStorage = ({ key }: StorageEvent): void => {
    if (key === null || key === this.#store.key) {
      this.#adoptStored();
    }
  };

  /** Adopts the stored session if another tab changed it. */
  readonly #adoptStored = (): void => {
    const stored = this.#store.read();
    if (JSON.stringify(stored) !== JSON.stringify(this.#session)) {
      this.#adopt(stored);
    }
  };

  readonly #retryNow = (): void => {
    this.#notBefore = 0;
    this.#scheduleRenewal();
  };

  #adopt(session: Session | null, problem: Problem | null = null): void {
    this.#session = session;
    this.#failures = 0;
    this.#notBefore = 0;
    this.#scheduleRenewal();
    this.#setState({ person: session && personOf(session), lapsed: false, problem });
  }

  /** Sets the timer of the next refresh. */
  #scheduleRenewal(): void {
    clearTimeout(this.#timer);
    const { expires_at: expiresAt, refresh_token: refreshToken } = this.#session ?? {};
    if (expiresAt === undefined || refreshToken === undefined || this.#state.lapsed) {
      return;
    }
    const left = expiresAt * 1000 - Date.now();
    const wait = Math.max(left - Math.min(RENEWAL_MARGIN, left / 4), this.#notBefore - performance.now(), 0);
    this.#timer = setTimeout(() => void this.#onTimer(wait > MAX_TIMER_DELAY), Math.min(wait, MAX_TIMER_DELAY));
  }

  async #onTimer(isEarly: boolean): Promise<void> {
    const renewal = isEarly ? 'unreachable' : await this.renew();
    // A renewed session has a timer. After a refusal, the next request reports the end of the session.
    if (renewal === 'unreachable') {
      this.#scheduleRenewal();
    }
  }

  #setState(state: AccountState): void {
    this.#state = state;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Fails if the page was replaced by a newer version, or offline. */
async function loadSignIn(): Promise<typeof import('./sign-in.ts')> {
  try {
    return await import('./sign-in.ts');
  } catch {
    throw new SignInError({ key: 'signIn.notLoaded' });
  }
}

/** Navigates to `url`. Resolves if the page is shown again from the back/forward cache. */
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
