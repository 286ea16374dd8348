/**
 * The browser's localStorage. A browser that forbids it, or has no room left, must not stop anybody from writing:
 * then what is kept here lasts as long as the page.
 */
class LocalStorage {
  readonly #memory = new Map<string, string>();

  get(key: string): string | null {
    if (this.#memory.has(key)) {
      return this.#memory.get(key) ?? null;
    }
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  }

  set(key: string, value: string): void {
    try {
      localStorage.setItem(key, value);
      this.#memory.delete(key);
    } catch {
      this.#memory.set(key, value);
    }
  }

  remove(key: string): void {
    this.#memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // There is nothing to remove.
    }
  }

  /** The keys that begin so. */
  keys(prefix: string): string[] {
    const keys = new Set(this.#memory.keys());
    try {
      for (let index = 0; index < localStorage.length; index += 1) {
        const key = localStorage.key(index);
        if (key !== null) {
          keys.add(key);
        }
      }
    } catch {
      // There are those in memory.
    }
    return [...keys].filter((key) => key.startsWith(prefix));
  }
}

export const local = new LocalStorage();
