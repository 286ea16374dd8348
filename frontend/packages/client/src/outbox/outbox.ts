import { v4 as uuid } from 'uuid';
import type { MessageReference, NewMessage, SentMessage } from '../api/types.ts';
import type { Store } from '../storage/store.ts';
import {
  type Entry,
  type Target,
  afterAttempt,
  asSending,
  byCreation,
  conversationOf,
  heldIfTooOld,
  KEY_LIFETIME,
  newEntry,
  pauseOf,
  requestOf,
  requeued,
  restored,
  withGroup,
  withoutReply,
} from './entry.ts';
import { outcomeOf } from './outcome.ts';
import { EntryStore } from './entry-store.ts';

/** Milliseconds that a message is left to the window that wrote it: longer than one attempt takes. */
const OTHER_TAB_DELAY = 40_000;

export interface OutboxOptions {
  store: Store;
  /** The id of the author. */
  user: string;
  send: (message: NewMessage, key: string) => Promise<SentMessage>;
  /** Called when the server has stored a message. */
  onStored?: (entry: Entry) => void;
  random?: () => number;
}

/**
 * A person's outgoing messages.
 *
 * Sends one message per conversation at a time, in order. A message keeps its key over retries and reloads, so the server
 * stores it once.
 */
export class Outbox {
  readonly #store: EntryStore;
  readonly #send: OutboxOptions['send'];
  readonly #onStored: (entry: Entry) => void;
  readonly #random: () => number;
  readonly #listeners = new Set<() => void>();
  /** The conversations with a request in progress, and the ids of the entries. */
  readonly #busy = new Map<string, string>();
  /** When each waiting entry is due, by `performance.now`: the device's clock may change. */
  readonly #due = new Map<string, number>();
  #entries: readonly Entry[] = [];
  #running = false;
  #paused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** The messages that were deleted while they were sent. */
  readonly #unwanted = new Set<string>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: OutboxOptions) {
    this.#store = new EntryStore(options.store, options.user);
    this.#send = options.send;
    this.#onStored = options.onStored ?? (() => undefined);
    this.#random = options.random ?? Math.random;
    const now = Date.now();
    for (const entry of this.#store.all()) {
      // The conversation was not opened for a day, and lists the message by now.
      if (entry.state.name === 'sent' && now - entry.created > KEY_LIFETIME) {
        this.#store.remove(entry.id);
      } else {
        this.#put(restored(entry, now));
      }
    }
  }

  /** Oldest first. A new array after each change. */
  readonly entries = (): readonly Entry[] => this.#entries;

  /** Calls `listener` after each change. Returns a function that ends this. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Starts to send. */
  start(): void {
    this.#running = true;
    this.#unsubscribe ??= this.#store.subscribe(this.#onChange);
    this.#pump();
  }

  /** Sends no further message. A request in progress continues. */
  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  /** Stops or resumes sending, for example while the session has ended. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#pump();
  }

  /** Stores a message and sends it. */
  add(target: Target, text: string, replyTo: MessageReference | null = null): void {
    // Messages of the same millisecond keep their order.
    const now = Date.now();
    const created = Math.max(now, (this.#entries.at(-1)?.created ?? 0) + 1);
    this.#put(newEntry(uuid(), target, text, now, created, replyTo));
    this.#pump();
  }

  /** Assigns a group to the waiting messages to a user, so that they are sent before newer messages to the group. */
  assignGroup(person: string, group: string): void {
    this.#assignGroupTo({ kind: 'user', uuid: person, handle: '', name: '' }, group);
  }

  /** Sends a message again because its author asked for it. */
  retry(id: string): void {
    this.#update(id, (entry) => requeued(entry, Date.now()));
    this.#pump();
  }

  /** Sends a reply again as a message of its own: the message to which it replies is deleted. */
  retryWithoutReply(id: string): void {
    this.#update(id, (entry) => (entry.state.name === 'failed' ? withoutReply(entry) : entry));
    this.retry(id);
  }

  /** Deletes a message. One that is being sent is deleted after the request, unless the request stores it. */
  discard(id: string): void {
    const state = this.#find(id)?.state.name;
    if (state === 'sending') {
      this.#unwanted.add(id);
    } else if (state !== undefined) {
      this.#remove(id);
      this.#pump();
    }
  }

  /** Removes sent messages that the conversation lists. */
  removeListed(listed: ReadonlySet<string>): void {
    for (const { id, state } of this.#entries) {
      if (state.name === 'sent' && listed.has(state.message.uuid)) {
        this.#remove(id);
      }
    }
  }

  /** Removes all messages from the device, for a sign-out. */
  clear(): void {
    this.#store.clear();
    this.#due.clear();
    this.#publish([]);
  }

  /** Retries all waiting messages now: the reason for the last failure may be gone. */
  readonly retryNow = (): void => {
    for (const { id, state } of this.#entries) {
      if (state.name === 'waiting') {
        this.#update(id, (entry) => ({ ...entry, state: { ...state, notBefore: Date.now() } }));
      }
    }
    this.#pump();
  };

  #pump(): void {
    clearTimeout(this.#timer);
    if (!this.#running || this.#paused) {
      return;
    }
    const now = Date.now();
    const clock = performance.now();
    let wake = Number.POSITIVE_INFINITY;
    const seen = new Set<string>();
    for (const entry of this.#entries) {
      const conversation = conversationOf(entry);
      const open = entry.state.name === 'waiting' || entry.state.name === 'sending';
      if (!open || seen.has(conversation)) {
        continue;
      }
      if (heldIfTooOld(entry, now) !== entry) {
        this.#put(heldIfTooOld(entry, now));
        continue;
      }
      // Later messages of the conversation wait for this one.
      seen.add(conversation);
      // A request may have started before the conversation had a group.
      if (this.#busy.has(conversation) || [...this.#busy.values()].includes(entry.id)) {
        continue;
      }
      const due = this.#due.get(entry.id) ?? 0;
      if (due <= clock) {
        void this.#deliver(entry);
      } else {
        wake = Math.min(wake, due);
      }
    }
    if (Number.isFinite(wake)) {
      this.#timer = setTimeout(() => this.#pump(), wake - clock);
    }
  }

  async #deliver(entry: Entry): Promise<void> {
    const conversation = conversationOf(entry);
    this.#busy.set(conversation, entry.id);
    this.#put(asSending(entry));
    try {
      const outcome = await this.#send(requestOf(entry), entry.id).then(
        (message) => ({ kind: 'stored', message }) as const,
        outcomeOf,
      );
      if (outcome.kind === 'signed-out') {
        this.#paused = true;
      }
      if (this.#unwanted.delete(entry.id) && outcome.kind !== 'stored') {
        this.#remove(entry.id);
      }
      // Another window may have sent and removed it.
      this.#update(entry.id, (current) => afterAttempt(current, outcome, Date.now(), this.#random()));
      if (outcome.kind === 'stored') {
        this.#assignGroupTo(entry.target, outcome.message.message_group_uuid);
        const stored = this.#find(entry.id);
        if (stored) {
          this.#onStored(stored);
        }
      }
    } finally {
      this.#busy.delete(conversation);
      this.#pump();
    }
  }

  #assignGroupTo(target: Target, group: string): void {
    for (const { id } of this.#entries) {
      this.#update(id, (entry) => withGroup(entry, target, group));
    }
  }

  readonly #onChange = (id: string, entry: Entry | null): void => {
    // While a message is sent here, ignores changes by other windows, except that it was sent or removed.
    if (entry !== null && entry.state.name !== 'sent' && [...this.#busy.values()].includes(id)) {
      return;
    }
    const others = this.#entries.filter((known) => known.id !== id);
    if (entry === null) {
      this.#due.delete(id);
      this.#publish(others);
    } else {
      this.#due.set(id, performance.now() + OTHER_TAB_DELAY + pauseOf(entry, Date.now()));
      this.#publish([...others, entry]);
    }
    this.#pump();
  };

  #find(id: string): Entry | undefined {
    return this.#entries.find((entry) => entry.id === id);
  }

  #update(id: string, change: (entry: Entry) => Entry): void {
    const entry = this.#find(id);
    if (entry) {
      const changed = change(entry);
      if (changed !== entry) {
        this.#put(changed);
      }
    }
  }

  #put(entry: Entry): void {
    this.#store.put(entry);
    this.#due.set(entry.id, performance.now() + pauseOf(entry, Date.now()));
    this.#publish([...this.#entries.filter(({ id }) => id !== entry.id), entry]);
  }

  #remove(id: string): void {
    this.#store.remove(id);
    this.#due.delete(id);
    this.#publish(this.#entries.filter((entry) => entry.id !== id));
  }

  #publish(entries: readonly Entry[]): void {
    this.#entries = entries.toSorted(byCreation);
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
