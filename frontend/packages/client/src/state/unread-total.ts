import { countUnread } from '../api/state-api.ts';
import type { MessageGroup, Unread } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { isMuted } from '../conversations/muted.ts';
import { repeat } from './repeat.ts';

/** Milliseconds from a change of conversations that are not loaded until the total is requested. */
const PAUSE = 1000;
/** The newest conversations, which the API looks at. */
const NEWEST = 100;

const totals = new WeakMap<MessagesClient, UnreadTotal>();

/** The number of a client's conversations with unread messages. */
export function unreadOf(client: MessagesClient): UnreadTotal {
  const total = totals.get(client) ?? new UnreadTotal(client);
  totals.set(client, total);
  return total;
}

/**
 * The number of conversations with unread messages, without the muted ones. The inbox tells it, as far as it is loaded; the API
 * tells how many there are in the rest, which includes muted ones.
 */
export class UnreadTotal {
  readonly #client: MessagesClient;
  readonly #listeners = new Set<() => void>();
  #unsubscribe: (() => void) | undefined;
  #state: Unread | undefined;
  /** The conversations with unread messages that are not loaded; null until requested. */
  #others: number | null = null;
  #more = false;
  /** The loaded conversations, as last seen here. */
  #rows: readonly MessageGroup[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The number of requests so far. Only the response to the last one is used. */
  #loads = 0;

  constructor(client: MessagesClient) {
    this.#client = client;
  }

  /** Undefined until the inbox is loaded. The same object until something changes, or a mute ends. */
  readonly state = (): Unread | undefined => {
    if (this.#state !== undefined) {
      this.#count();
    }
    return this.#state;
  };

  /** Calls `listener` after each change. Keeps the inbox in use until its last listener is gone. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) {
      this.#unsubscribe = this.#client.inbox.subscribe(() => this.#update());
      this.#update();
    }
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        this.#unsubscribe?.();
        clearTimeout(this.#timer);
        this.#timer = undefined;
        this.#others = null;
      }
    };
  };

  /** Reports a change of a conversation that is not in the loaded part of the inbox. */
  changed(): void {
    if (this.#listeners.size > 0 && this.#others !== 0) {
      this.#request();
    }
  }

  #update(): void {
    const { value } = this.#client.inbox.state();
    if (value === undefined) {
      return;
    }
    const { rows, next } = value;
    if (next === null) {
      this.#others = 0;
      this.#more = rows.length > NEWEST;
    } else if (this.#others === null) {
      this.#request();
    } else {
      const known = new Set(this.#rows.map(({ uuid }) => uuid));
      const oldest = this.#rows.at(-1)?.created_at ?? '';
      const appeared = rows.filter(({ uuid }) => !known.has(uuid));
      // Those of a further page were among the others. Of newer ones that is not known.
      this.#others = Math.max(0, this.#others - appeared.filter((row) => isUnread(row) && row.created_at <= oldest).length);
      if (appeared.some(({ created_at: at }) => at > oldest)) {
        this.#request();
      }
    }
    this.#rows = rows;
    this.#publish();
  }

  /** Requests the total soon, once for all changes until then. */
  #request(): void {
    this.#timer ??= setTimeout(() => void this.#load(), PAUSE);
  }

  async #load(): Promise<void> {
    // Later changes need another request.
    this.#timer = undefined;
    this.#loads += 1;
    const load = this.#loads;
    const isWanted = () => this.#listeners.size > 0 && load === this.#loads;
    try {
      const { conversations, more } = await repeat(this.#client, () => countUnread(this.#client.api), isWanted);
      if (!isWanted()) {
        return;
      }
      this.#others = Math.max(0, conversations - this.#rows.slice(0, NEWEST).filter(isUnread).length);
      this.#more = more;
      this.#publish();
    } catch {
      // An earlier version of the API counts nothing.
    }
  }

  #publish(): void {
    const before = this.#state;
    this.#count();
    if (this.#state !== before) {
      for (const listener of this.#listeners) {
        listener();
      }
    }
  }

  #count(): void {
    const now = Date.now();
    const counted = this.#rows.filter((row) => isUnread(row) && !isMuted(row.muted_until, now));
    const conversations = counted.length + (this.#others ?? 0);
    if (this.#state?.conversations !== conversations || this.#state.more !== this.#more) {
      this.#state = { conversations, more: this.#more };
    }
  }
}

function isUnread({ unread_count: count }: MessageGroup): boolean {
  return count !== undefined && count > 0;
}
