import type { Store } from './store.ts';

/** The part of the DOM's `Storage` that is used here. */
type WebStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/**
 * A storage of the browser. If the browser denies it or it is full, values last as long as the page: people can still
 * write messages.
 */
export class SafeStorage implements Store {
  readonly #open: () => WebStorage;
  readonly #memory = new Map<string, string>();

  /** `open` may throw: a browser that blocks site data throws on access to the property. */
  constructor(open: () => WebStorage) {
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

  subscribe(listener: (key: string | null, value: string | null) => void): () => void {
    const onStorage = (event: Event) => {
      const { key, newValue } = event as StorageEvent;
      listener(key, newValue);
    };
    globalThis.addEventListener?.('storage', onStorage);
    return () => globalThis.removeEventListener?.('storage', onStorage);
  }

  /** Whether a value can be stored now. */
  works(): boolean {
    const probe = 'cruddur.probe';
    const stored = this.set(probe, probe);
    this.remove(probe);
    return stored;
  }
}

/** The browser's localStorage, which all tabs share. In Node, values last as long as the process. */
export function browserStore(): Store {
  return new SafeStorage(() => localStorage);
}

/** A store whose values last as long as the page. */
export function memoryStore(): Store {
  return new SafeStorage(() => {
    throw new Error('there is no storage');
  });
}
