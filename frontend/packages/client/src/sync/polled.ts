import { type Poll, pollInterval, type Polling } from './polling.ts';

/** The last value and the last error. */
export interface PolledState<Value> {
  /** The last value; undefined before the first. */
  value: Value | undefined;
  /** The error of the last request; null if it succeeded. */
  error: unknown;
}

export interface PolledOptions<Value> {
  load: () => Promise<Value>;
  /** The value before the first response. */
  initial?: Value | undefined;
  /** Whether two values are the same, so that the new one changes nothing. */
  isSame?: (a: Value, b: Value) => boolean;
  /**
   * Milliseconds for which a value is not requested again. The value is then requested when it comes into use, and repeated
   * only after a failure. By default the value is polled.
   */
  freshFor?: number;
  random?: () => number;
}

/**
 * A value of the API that is kept up to date while it has subscribers.
 *
 * Views read the value with `state`, and events and further pages change it with `update`. Listeners are called only if the
 * value or the error is another one.
 */
export class Polled<Value> implements Poll {
  readonly #polling: Polling;
  readonly #options: PolledOptions<Value>;
  readonly #listeners = new Set<() => void>();
  #state: PolledState<Value>;
  #failures = 0;
  #loadedAt = Number.NEGATIVE_INFINITY;
  #request: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(polling: Polling, options: PolledOptions<Value>) {
    this.#polling = polling;
    this.#options = options;
    this.#state = { value: options.initial, error: null };
  }

  get failures(): number {
    return this.#failures;
  }

  get isInUse(): boolean {
    return this.#listeners.size > 0;
  }

  /** The same object until something changes. */
  readonly state = (): PolledState<Value> => this.#state;

  /** The first subscriber starts the requests, the last one ends them. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#polling.add(this);
      if (this.#isFresh()) {
        this.reschedule();
      } else {
        void this.refresh();
      }
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        clearTimeout(this.#timer);
        this.#failures = 0;
        this.#polling.remove(this);
      }
    };
  };

  /** Requests the value now. Joins a request in progress. Never rejects: the error is in the state. */
  readonly refresh = (): Promise<void> => {
    if (this.#polling.isPaused) {
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

  /** Changes the value, for example by an event or a further page. */
  update(change: (value: Value | undefined) => Value | undefined): void {
    this.#set({ ...this.#state, value: change(this.#state.value) });
  }

  reschedule(): void {
    clearTimeout(this.#timer);
    const repeats = this.#options.freshFor === undefined || this.#failures > 0;
    if (!this.isInUse || this.#polling.isPaused || !repeats) {
      return;
    }
    const random = (this.#options.random ?? Math.random)();
    const pause = pollInterval(this.#polling.isVisible, this.#failures, this.#state.error, random);
    this.#timer = setTimeout(() => void this.refresh(), pause);
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const value = await this.#options.load();
      this.#failures = 0;
      this.#loadedAt = Date.now();
      this.#set({ value, error: null });
    } catch (error) {
      this.#failures += this.isInUse ? 1 : 0;
      this.#set({ ...this.#state, error });
    }
    this.#polling.update();
  }

  #isFresh(): boolean {
    const { freshFor } = this.#options;
    return freshFor !== undefined && this.#state.error === null && Date.now() - this.#loadedAt < freshFor;
  }

  #set({ value, error }: PolledState<Value>): void {
    const { value: before, error: errorBefore } = this.#state;
    const isSame =
      value === before || (value !== undefined && before !== undefined && this.#options.isSame?.(before, value) === true);
    if (isSame && error === errorBefore) {
      return;
    }
    this.#state = { value: isSame ? before : value, error };
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
