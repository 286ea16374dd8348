import { ApiError } from '../api/api-error.ts';
import { backOff } from './back-off.ts';
import { askedWait } from './waits.ts';

const VISIBLE = 3000;
const HIDDEN = 60_000;
/** The longest pause that a server can ask for. */
const LONGEST = 60_000;

interface Beat {
  failures: number;
  /** What to wait after the failures. Drawn once for each, since a timer that is asked anew must not move. */
  delay: number;
}

/** How each poll fares, and with that how long it waits. */
export class Pulse {
  readonly #beats = new Map<string, Beat>();
  readonly #listeners = new Set<() => void>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Runs a poll and notes how it went. */
  async watch<Result>(name: string, poll: () => Promise<Result>): Promise<Result> {
    try {
      const result = await poll();
      this.#beats.delete(name);
      this.#changed();
      return result;
    } catch (error) {
      const failures = (this.#beats.get(name)?.failures ?? 0) + 1;
      const asked = error instanceof ApiError ? askedWait(error.retryAfter, LONGEST) : 0;
      const delay = Math.max(asked, VISIBLE, backOff(failures, this.#random(), 2 * VISIBLE));
      this.#beats.set(name, { failures, delay });
      this.#changed();
      throw error;
    }
  }

  /** Milliseconds to the next poll. */
  delay(name: string, visible: boolean): number {
    const delay = this.#beats.get(name)?.delay ?? VISIBLE;
    return visible ? delay : Math.max(delay, HIDDEN);
  }

  /** Forgets a poll that nobody makes any more. */
  forget(name: string): void {
    this.#beats.delete(name);
    this.#changed();
  }

  /** Whether some poll failed twice in a row: once may be chance. */
  readonly troubled = (): boolean => [...this.#beats.values()].some(({ failures }) => failures > 1);

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #changed(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
