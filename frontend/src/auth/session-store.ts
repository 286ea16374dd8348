import { hasLocks } from '../storage/exclusively.ts';
import { local, session as tab } from '../storage/local.ts';
import { type Session, parseSession } from './session.ts';

/** Names the tab that a session belongs to, if it belongs to one. */
const TAB = 'cruddur.tab';

/** How long a reloaded page may take to let go of the tab's lock. */
const PATIENCE = 3000;

/**
 * Where the session is kept: in localStorage for all tabs of the browser, or in sessionStorage for one tab alone.
 *
 * A tab with a session of its own does not see the shared one.
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

  /** What all tabs that share the session have in common. */
  get lock(): string {
    return `cruddur.session ${this.#onlyHere ? tab.get(TAB) : ''} ${this.key}`;
  }

  read(): Session | null {
    return parseSession((this.#onlyHere ? tab : local).get(this.key));
  }

  /** Begins a session after a sign-in. */
  begin(session: Session, onlyHere: boolean): void {
    this.#onlyHere = onlyHere;
    // A session of the tab would hide the shared one, and a copy of this tab may have its name.
    tab.remove(this.key);
    tab.remove(TAB);
    this.write(session);
  }

  write(session: Session): void {
    const value = JSON.stringify(session);
    if (!this.#onlyHere && !local.set(this.key, value)) {
      // Without room for all tabs there may be some for this one. The tokens of before must not be used again.
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
   * Claims the session of this tab. Returns false, and removes the session, if the tab is a copy of another:
   * "Duplicate tab" copies sessionStorage, and two tabs that spend one refresh token end the session of both.
   */
  async claim(): Promise<boolean> {
    if (!this.#onlyHere) {
      return true;
    }
    const id = tab.get(TAB) ?? crypto.randomUUID();
    tab.set(TAB, id);
    if (this.#claimed !== id && (await hasLocks()) && !(await holdForGood(`cruddur.tab ${id}`))) {
      tab.remove(TAB);
      tab.remove(this.key);
      this.#onlyHere = false;
      return false;
    }
    this.#claimed = id;
    return true;
  }
}

/** Holds a lock for as long as the page lives. Returns false if another page has it. */
function holdForGood(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request(name, { signal: AbortSignal.timeout(PATIENCE) }, () => {
        resolve(true);
        return new Promise(() => undefined);
      })
      .catch(() => resolve(false));
  });
}
