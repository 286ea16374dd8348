import { EVENTS_LIMIT } from '../api/api.ts';
import { ApiError } from '../api/api-error.ts';
import type { LogEvent, Message, MessageGroup, Page } from '../api/types.ts';
import { type Batch, type Frame, numberOf } from './frames.ts';

/** The pages after which listing everything anew is cheaper than reading on. */
const MAX_PAGES = 5;
/** The most frames that wait for those before them. */
const MAX_WAITING = 200;

export interface EventLogOptions {
  list: (after: string | null) => Promise<Page<LogEvent>>;
  /** The cursor to begin at; null for the end of the log. */
  cursor: string | null;
  /** Called with each event once, in the order of the log. */
  onBatch: (batch: Batch) => void;
  /** Called when events are passed over: everything may have changed. */
  onReset: () => void;
  /** Called with each new position. */
  onMoved: (cursor: string) => void;
  /** Called when a frame has waited for those before it: they have to be read. */
  onGap: () => void;
  /** Milliseconds until `onGap`. Doubles while the gap remains. */
  gap: number;
}

/** Reads a user's log without a gap, from frames in any order and from the API. */
export class EventLog {
  readonly #options: EventLogOptions;
  /** The number is NaN if the cursor has none. */
  #last: { number: number; cursor: string } | null;
  readonly #waiting = new Map<number, Frame>();
  #gaps = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EventLogOptions) {
    this.#options = options;
    const { cursor } = options;
    this.#last = cursor === null ? null : { number: numberOf(cursor), cursor };
  }

  /** Handles a frame: the next one at once, others when those before them are known. */
  receive(frame: Frame): void {
    if (this.#waiting.size < MAX_WAITING) {
      this.#waiting.set(frame.number, frame);
    }
    this.#drain();
  }

  /**
   * Reads the log to its end. Returns the number of the last event that no frame had brought, or null if there is none.
   *
   * Rejects if a request fails. Calls must not overlap.
   */
  async read(): Promise<number | null> {
    let found: number | null = null;
    for (let pages = 0; ; pages += 1) {
      const after = pages < MAX_PAGES ? (this.#last?.cursor ?? null) : null;
      // Each page has the cursor of the next one.
      // oxlint-disable-next-line no-await-in-loop
      const page = await this.#options.list(after).catch((error: unknown) => {
        if (after !== null && isExpired(error)) {
          return null;
        }
        throw error;
      });
      if (page === null) {
        // Frames wait from now on.
        this.#last = null;
        continue;
      }
      if (page.next === null) {
        // Not a response of the API.
        throw new ApiError(0);
      }
      if (after === null) {
        this.#moveTo(numberOf(page.next), page.next);
        this.#options.onReset();
        this.#drain();
        return null;
      }
      const last = this.#apply(page.rows, page.next);
      found = last ?? found;
      if (new Set(page.rows.map(({ number }) => number)).size < EVENTS_LIMIT) {
        return found;
      }
    }
  }

  /** Stops waiting for frames. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #apply(rows: readonly LogEvent[], next: string): number | null {
    const reached = this.#last?.number ?? Number.NaN;
    // Frames may have brought some of them meanwhile.
    const events = rows.filter(({ number }) => !(number <= reached));
    const last = events.at(-1)?.number ?? null;
    if (last !== null) {
      const messages = new Map<string, Message>();
      const groups = new Map<string, MessageGroup>();
      for (const { number, message_group_uuid: uuid, message_uuids: uuids = [] } of events) {
        const frame = this.#waiting.get(number);
        // Copies in earlier frames are outdated.
        for (const changed of uuids) {
          messages.delete(changed);
        }
        groups.delete(uuid);
        for (const message of frame?.messages.values() ?? []) {
          messages.set(message.uuid, message);
        }
        const group = frame?.groups.get(uuid);
        if (group !== undefined) {
          groups.set(uuid, group);
        }
      }
      this.#options.onBatch({ events, messages, groups });
    }
    const number = last ?? numberOf(next);
    if (Number.isNaN(reached) || number > reached) {
      this.#moveTo(number, next);
      this.#drain();
    }
    return last;
  }

  /** Handles the waiting frames that are next, and drops those that are known. */
  #drain(): void {
    const { onBatch } = this.#options;
    if (this.#last === null) {
      return;
    }
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      onBatch(next);
      this.#moveTo(next.number, next.cursor);
    }
    for (const number of this.#waiting.keys()) {
      if (number <= this.#last.number) {
        this.#waiting.delete(number);
      }
    }
    this.#wait();
  }

  #next(): Frame | undefined {
    return this.#last === null ? undefined : this.#waiting.get(this.#last.number + 1);
  }

  #wait(): void {
    if (this.#waiting.size === 0) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#gaps = 0;
    } else if (this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#gaps += 1;
        this.#options.onGap();
        this.#wait();
      }, this.#options.gap * 2 ** Math.min(this.#gaps, 6));
    }
  }

  #moveTo(number: number, cursor: string): void {
    this.#last = { number, cursor };
    this.#options.onMoved(cursor);
  }
}

/** Whether the log no longer has the events after a cursor, or the cursor is malformed. */
function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.has('cursor_invalid'));
}
