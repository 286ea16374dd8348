import { type Connectivity, type Requester, retryDelay } from './connectivity.ts';

/** The last value and the last error. */
export interface ResourceState<Value> {
  /** The last value; undefined before the first. */
  value: Value | undefined;
  /** The error of the last request; null if it succeeded. */
  error: unknown;
}

export interface ResourceOptions<Value> {
  load: () => Promise<Value>;
  /** The value before the first response. */
  initial?: Value | undefined;
  /** Whether two values are the same, so that the new one changes nothing. */
  isSame?: (a: Value, b: Value) => boolean;
  /** Milliseconds for which a loaded value is not requested again. */
  freshFor: number;
  /** Called after each change. */
  onChange?: () => void;
  random?: () => number;
}

/**
 * A value of the API. It is requested when it comes into use and is not fresh, and again after failures while it is in use.
 *
 * Views read the value with `state`, and events and further pages change it with `update`. Listeners are called only if the
 * value or the error is another one.
 */
export class Resource<Value> implements Requester {
  readonly #connectivity: Connectivity;
  readonly #options: ResourceOptions<Value>;
  readonly #listeners = new Set<() => void>();
  #state: ResourceState<Value>;
  #failures = 0;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #request: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(connectivity: Connectivity, options: ResourceOptions<Value>) {
    this.#connectivity = connectivity;
    this.#options = options;
    this.#state = { value: options.initial, error: null };
  }

  get failures(): number {
    return this.#failures;
  }

  get isInUse(): boolean {
    return this.#listeners.size > 0;
  }

  /** The request in progress. Never rejects. */
  get request(): Promise<void> | null {
    return this.#request;
  }

  /** The same object until something changes. */
  readonly state = (): ResourceState<Value> => this.#state;

  /** Calls `listener` after each change. The value is in use until its last subscriber is gone. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#connectivity.add(this);
      this.wake();
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        clearTimeout(this.#timer);
        this.#failures = 0;
        this.#connectivity.remove(this);
      }
    };
  };

  /** Requests the value now. Joins a request in progress. Never rejects: the error is in the state. */
  readonly refresh = (): Promise<void> => {
    if (this.#connectivity.isPaused) {
      return Promise.resolve();
    }
    this.#request ??= this.#load().finally(() => {
      this.#request = null;
      this.reschedule();
    });
    return this.#request;
  };

  /** Requests the value now, and again if a request is in progress: its response may be older than a change. */
  async reload(): Promise<void> {
    await this.#request;
    await this.refresh();
  }

  /** Reports that the value has changed on the server. Requests it if it is in use, otherwise when it comes into use. */
  async invalidate(): Promise<void> {
    this.#loadedAt = Number.NEGATIVE_INFINITY;
    if (this.isInUse) {
      await this.reload();
    }
  }

  /** Changes the value, for example by an event or a further page. */
  update(change: (value: Value | undefined) => Value | undefined): void {
    this.#set({ ...this.#state, value: change(this.#state.value) });
  }

  /** Requests the value unless it is fresh. */
  wake(): void {
    if (this.#state.error !== null || Date.now() - this.#loadedAt >= this.#options.freshFor) {
      void this.refresh();
    }
  }

  reschedule(): void {
    clearTimeout(this.#timer);
    if (this.isInUse && !this.#connectivity.isPaused && this.#failures > 0) {
      const random = (this.#options.random ?? Math.random)();
      const delay = retryDelay(this.#connectivity.isVisible, this.#failures, this.#state.error, random);
      this.#timer = setTimeout(() => void this.refresh(), delay);
    }
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    // An invalidation during the request makes the value stale again.
    this.#loadedAt = Date.now();
    try {
      const value = await this.#options.load();
      this.#failures = 0;
      this.#set({ value, error: null });
    } catch (error) {
      this.#connectivity.fault(error);
      this.#loadedAt = Number.NEGATIVE_INFINITY;
      this.#failures += this.isInUse ? 1 : 0;
      this.#set({ ...this.#state, error });
    }
    this.#connectivity.update();
  }

  #set({ value, error }: ResourceState<Value>): void {
    const { value: before, error: errorBefore } = this.#state;
    const isSame =
      value === before || (value !== undefined && before !== undefined && this.#options.isSame?.(before, value) === true);
    if (isSame && error === errorBefore) {
      return;
    }
    this.#state = { value: isSame ? before : value, error };
    this.#options.onChange?.();
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
