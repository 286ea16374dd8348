import { ApiError } from '../api/api-error.ts';
import { backOff, retryAfterMillis } from './back-off.ts';

const VISIBLE = 3000;
const HIDDEN = 60_000;
/** The longest pause that a server can ask for. */
const MAX_RETRY_AFTER = 60_000;

/** Milliseconds to the next request after `failures` in a row, of which `error` is the last. */
export function retryDelay(isVisible: boolean, failures: number, error: unknown, random: number): number {
  const asked = error instanceof ApiError ? retryAfterMillis(error.retryAfter, MAX_RETRY_AFTER) : 0;
  return Math.max(isVisible ? VISIBLE : HIDDEN, asked, backOff(failures, random, 2 * VISIBLE));
}

/** Something that makes requests while it is in use. */
export interface Requester {
  /** Failed requests in a row. */
  readonly failures: number;
  /** Requests what failed or may be out of date. */
  wake(): void;
  /** Sets the timer of the next request again. */
  reschedule(): void;
}

/** When a client makes requests by itself. */
export class Connectivity {
  readonly #requesters = new Set<Requester>();
  readonly #listeners = new Set<() => void>();
  #isVisible = true;
  #isPaused = false;
  #isTroubled = false;
  /** Called with the errors of background work that are not failed requests. */
  onFault: ((error: unknown) => void) | undefined;

  get isVisible(): boolean {
    return this.#isVisible;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Whether a request failed twice in a row. A single failure may be chance. */
  readonly isTroubled = (): boolean => this.#isTroubled;

  /** Calls `listener` when `isTroubled` changes. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  add(requester: Requester): void {
    this.#requesters.add(requester);
  }

  remove(requester: Requester): void {
    this.#requesters.delete(requester);
    this.update();
  }

  /** Reports whether the page is visible. A hidden page makes few requests, and catches up when it is visible again. */
  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    this.#changed(isVisible);
  }

  /** Makes no requests, for example while the session has ended. */
  setPaused(isPaused: boolean): void {
    if (this.#isPaused !== isPaused) {
      this.#isPaused = isPaused;
      this.#changed(!isPaused);
    }
  }

  /** Requests now what failed or may be out of date. */
  wake(): void {
    this.#changed(true);
  }

  /** Called when the failures of a requester change. */
  update(): void {
    const isTroubled = [...this.#requesters].some(({ failures }) => failures > 1);
    if (isTroubled !== this.#isTroubled) {
      this.#isTroubled = isTroubled;
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }

  /** Reports an error of background work, unless a request has failed. */
  fault(error: unknown): void {
    if (!(error instanceof ApiError)) {
      this.onFault?.(error);
    }
  }

  #changed(wakes: boolean): void {
    for (const requester of this.#requesters) {
      if (wakes) {
        requester.wake();
      } else {
        requester.reschedule();
      }
    }
  }
}
