/** Texts by key that outlive the page, such as localStorage. No method throws. */
export interface Store {
  get(key: string): string | null;
  /** Returns whether the value outlives the page. */
  set(key: string, value: string): boolean;
  remove(key: string): void;
  /** The keys that begin with `prefix`. */
  keys(prefix: string): string[];
  /**
   * Calls `listener` when another tab changes a value. `value` is null if it was removed; `key` is null if all were. Returns a
   * function that ends this.
   */
  subscribe(listener: (key: string | null, value: string | null) => void): () => void;
}
