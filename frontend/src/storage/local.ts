/**
 * A storage of the browser. If the browser denies it or it is full, values last as long as the page: people can still
 * write messages.
 */
export class SafeStorage {
  readonly #open: () => Storage;
  readonly #memory = new Map<string, string>();

  /** `open` may throw: a browser that blocks site data throws on access to the property. */
  constructor(open: () => Storage) {
    this.#open = open;
  }

  get(key: string): string | null {
    if (this.#memory.has(key)) {
      return this.#memory.get(key) ?? null;
    }
    try {
      return this.#open().getItem(key);
    } catch {
      return null;
    }
  }

  /** Returns whether the value outlives the page. */
  set(key: string, value: string): boolean {
    try {
      this.#open().setItem(key, value);
      this.#memory.delete(key);
      return true;
    } catch {
      this.#memory.set(key, value);
      return false;
    }
  }

  remove(key: string): void {
    this.#memory.delete(key);
    try {
      this.#open().removeItem(key);
    } catch {
      // A denied storage holds nothing to remove.
    }
  }

  /** The keys that begin with `prefix`. */
  keys(prefix: string): string[] {
    const keys = new Set(this.#memory.keys());
    try {
      const storage = this.#open();
      for (let index = 0; index < storage.length; index += 1) {
        const key = storage.key(index);
        if (key !== null) {
          keys.add(key);
        }
      }
    } catch {
      // The keys in memory remain.
    }
    return [...keys].filter((key) => key.startsWith(prefix));
  }

  /** Whether a value can be stored now. */
  works(): boolean {
    const probe = 'cruddur.probe';
    const stored = this.set(probe, probe);
    this.remove(probe);
    return stored;
  }
}

/** Shared by all tabs; survives restarts of the browser. */
export const local = new SafeStorage(() => localStorage);

/** Belongs to one tab; survives reloads. */
export const session = new SafeStorage(() => sessionStorage);
