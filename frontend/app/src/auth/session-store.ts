import { v4 as uuid } from 'uuid';
import { hasLocks } from './exclusively.ts';
import { local, session as tab } from './storage.ts';
import { type Session, parseSession } from './session.ts';

/** The sessionStorage key of the tab's id. */
const TAB_ID_KEY = 'cruddur.tab';

/** Milliseconds that a reloaded page may take to release the tab's lock. */
const LOCK_TIMEOUT = 3000;

/**
 * Stores the session: in localStorage for all tabs of the browser, or in sessionStorage for one tab.
 *
 * A tab with its own session ignores the shared one.
 */
export class SessionStore {
  readonly key: string;
  #onlyHere: boolean;
  #claimed: string | null = null;

  constructor(authority: string, clientId: string) {
    this.key = `oidc.user:${authority}:${clientId}`;
    this.#onlyHere = tab.get(this.key) !== null;
  }

  get onlyHere(): boolean {
    return this.#onlyHere;
  }

  /** The name of the lock of all tabs that share the session. */
  get lock(): string {
    return `cruddur.session ${this.#onlyHere ? tab.get(TAB_ID_KEY) : ''} ${this.key}`;
  }

  read(): Session | null {
    return parseSession((this.#onlyHere ? tab : local).get(this.key));
  }

  /** Stores a new session after a sign-in. */
  begin(session: Session, onlyHere: boolean): void {
    this.#onlyHere = onlyHere;
    // A session of the tab would hide the shared one, and a copy of this tab may have its id.
    tab.remove(this.key);
    tab.remove(TAB_ID_KEY);
    this.write(session);
  }

  write(session: Session): void {
    const value = JSON.stringify(session);
    if (!this.#onlyHere && !local.set(this.key, value)) {
      // If localStorage is full, sessionStorage may have room. The old tokens must not be used again.
      local.remove(this.key);
      this.#onlyHere = true;
    }
    if (this.#onlyHere) {
      tab.set(this.key, value);
    }
  }

  remove(): void {
    (this.#onlyHere ? tab : local).remove(this.key);
  }

  /**
   * Claims the session of this tab. Removes it and returns false if the tab is a copy: "Duplicate tab" copies
   * sessionStorage, and two tabs that use one refresh token end the session of both.
   */
  async claim(): Promise<boolean> {
    if (!this.#onlyHere) {
      return true;
    }
    const id = tab.get(TAB_ID_KEY) ?? uuid();
    tab.set(TAB_ID_KEY, id);
    if (this.#claimed !== id && (await hasLocks()) && !(await holdUntilUnload(`cruddur.tab ${id}`))) {
      tab.remove(TAB_ID_KEY);
      tab.remove(this.key);
      this.#onlyHere = false;
      return false;
    }
    this.#claimed = id;
    return true;
  }
}

/** Holds a lock until the page unloads. Returns false if another page holds it. */
function holdUntilUnload(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(LOCK_TIMEOUT) }, () => {
        resolve(true);
        return new Promise(() => undefined);
      })
      .catch(() => resolve(false));
  });
}
