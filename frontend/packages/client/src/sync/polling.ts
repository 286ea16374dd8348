import { ApiError } from '../api/api-error.ts';
import { backOff, retryAfterMillis } from './back-off.ts';

const VISIBLE = 3000;
const HIDDEN = 60_000;
/** The longest pause that a server can ask for. */
const MAX_RETRY_AFTER = 60_000;

/** Milliseconds to the next request, after `failures` in a row of which `error` is the last. */
export function pollInterval(isVisible: boolean, failures: number, error: unknown, random: number): number {
  const least = isVisible ? VISIBLE : HIDDEN;
  if (failures === 0) {
    return least;
  }
  const asked = error instanceof ApiError ? retryAfterMillis(error.retryAfter, MAX_RETRY_AFTER) : 0;
  return Math.max(least, asked, backOff(failures, random, 2 * VISIBLE));
}

/** A value that is polled while it is in use. */
export interface Poll {
  /** Failed requests in a row. */
  readonly failures: number;
  refresh(): Promise<void>;
  /** Sets the timer of the next request again. */
  reschedule(): void;
}

/** When the polled values of a client are requested. */
export class Polling {
  readonly #polls = new Set<Poll>();
  readonly #listeners = new Set<() => void>();
  #isVisible = true;
  #isPaused = false;
  #isTroubled = false;

  get isVisible(): boolean {
    return this.#isVisible;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a poll failed twice in a row. A single failure may be chance. */
  readonly isTroubled = (): boolean => this.#isTroubled;

  /** Calls `listener` when `isTroubled` changes. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add(poll: Poll): void {
    this.#polls.add(poll);
  }

  remove(poll: Poll): void {
    this.#polls.delete(poll);
    this.update();
  }

  /** Polls rarely while the page is hidden, and at once when it is visible again. */
  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    if (isVisible) {
      this.refresh();
    } else {
      this.#reschedule();
    }
  }

  /** Makes no requests, for example while the session has ended. */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused !== isPaused) {
      this.#isPaused = isPaused;
      if (isPaused) {
        this.#reschedule();
      } else {
        this.refresh();
      }
    }
  }

  /** Requests all values in use now, or only those whose last request failed. */
  refresh(onlyFailed = false): void {
    for (const poll of this.#polls) {
      if (!onlyFailed || poll.failures > 0) {
        void poll.refresh();
      }
    }
  }

  /** Called when the failures of a poll change. */
  update(): void {
    const isTroubled = [...this.#polls].some(({ failures }) => failures > 1);
    if (isTroubled !== this.#isTroubled) {
      this.#isTroubled = isTroubled;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }

  #reschedule(): void {
    for (const poll of this.#polls) {
      poll.reschedule();
    }
  }
}
