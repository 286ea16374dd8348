import type { NewMessage, SentMessage } from '../api/types.ts';
import {
  type Entry,
  type Target,
  begun,
  byCreation,
  checked,
  conversationOf,
  following,
  KEY_LIFE,
  newEntry,
  pauseOf,
  requestOf,
  revived,
  settled,
  vouchedFor,
} from './entry.ts';
import { outcomeOf } from './outcome.ts';
import { Shelf } from './shelf.ts';

/** How long a message of another window is left to that window: longer than one attempt may take. */
const FOREIGN = 40_000;

export interface OutboxOptions {
  /** Whose messages these are. */
  user: string;
  send: (message: NewMessage, key: string) => Promise<SentMessage>;
  /** Called when one was stored. */
  onStored?: (entry: Entry) => void;
  random?: () => number;
}

/**
 * The messages of one person that are on their way.
 *
 * In each conversation one is sent at a time, in the order in which they were written. Each keeps its key over retries
 * and reloads, so that it is stored once however often it is sent.
 */
export class Outbox {
  readonly #shelf: Shelf;
  readonly #send: OutboxOptions['send'];
  readonly #onStored: (entry: Entry) => void;
  readonly #random: () => number;
  readonly #listeners = new Set<() => void>();
  /** Conversations with a request under way, and the entries of those requests. */
  readonly #busy = new Map<string, string>();
  /** When each waiting entry is due, by `performance.now`: the device's clock may be set. */
  readonly #due = new Map<string, number>();
  #entries: readonly Entry[] = [];
  #running = false;
  #paused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OutboxOptions) {
    this.#shelf = new Shelf(options.user);
    this.#send = options.send;
    this.#onStored = options.onStored ?? (() => undefined);
    this.#random = options.random ?? Math.random;
    const now = Date.now();
    for (const entry of this.#shelf.all()) {
      // Its conversation was not opened for a day, and would have it by now.
      if (entry.state.name === 'sent' && now - entry.created > KEY_LIFE) {
        this.#shelf.remove(entry.id);
      } else {
        this.#keep(revived(entry, now));
      }
    }
  }

  /** Oldest first. The array is another one after each change. */
  readonly entries = (): readonly Entry[] => this.#entries;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  start(): void {
    this.#running = true;
    window.addEventListener('storage', this.#onStorage);
    window.addEventListener('online', this.hurry);
    this.#pump();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    window.removeEventListener('storage', this.#onStorage);
    window.removeEventListener('online', this.hurry);
  }

  /** Sends nothing while nobody is signed in. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#pump();
  }

  /** Takes a message, which from now on survives whatever happens to the page. */
  add(target: Target, text: string): void {
    // Two in the same millisecond keep their order.
    const now = Date.now();
    const created = Math.max(now, (this.#entries.at(-1)?.created ?? 0) + 1);
    this.#keep(newEntry(crypto.randomUUID(), target, text, now, created));
    this.#pump();
  }

  /** Assigns a group to the waiting messages to a user, so that they are sent before newer messages to the group. */
  join(person: string, group: string): void {
    this.#follow({ kind: 'user', uuid: person, handle: '', name: '' }, group);
  }

  /** Its author wants it sent (again). */
  retry(id: string): void {
    this.#update(id, (entry) => vouchedFor(entry, Date.now()));
    this.#pump();
  }

  /** Its author does not want it any more. */
  discard(id: string): void {
    const entry = this.#find(id);
    if (entry && entry.state.name !== 'sending') {
      this.#drop(id);
      this.#pump();
    }
  }

  /** Lets go of stored messages that their conversation's list has. */
  retire(listed: ReadonlySet<string>): void {
    for (const { id, state } of this.#entries) {
      if (state.name === 'sent' && listed.has(state.message.uuid)) {
        this.#drop(id);
      }
    }
  }

  /** For when a person signs out: nothing of theirs stays on the device. */
  clear(): void {
    this.#shelf.clear();
    this.#due.clear();
    this.#show([]);
  }

  /** Sends what waits for its next attempt: the reason of the last failure may be gone. */
  readonly hurry = (): void => {
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
      if (checked(entry, now) !== entry) {
        this.#keep(checked(entry, now));
        continue;
      }
      // What comes later in this conversation waits for this one.
      seen.add(conversation);
      // Its request may have started before the conversation had a group.
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
    this.#keep(begun(entry));
    try {
      const outcome = await this.#send(requestOf(entry), entry.id).then(
        (message) => ({ kind: 'stored', message }) as const,
        outcomeOf,
      );
      if (outcome.kind === 'signed-out') {
        this.#paused = true;
      }
      // Another window may have seen it through and let it go.
      this.#update(entry.id, (current) => settled(current, outcome, Date.now(), this.#random()));
      if (outcome.kind === 'stored') {
        this.#follow(entry.target, outcome.message.message_group_uuid);
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

  #follow(target: Target, group: string): void {
    for (const { id } of this.#entries) {
      this.#update(id, (entry) => following(entry, target, group));
    }
  }

  readonly #onStorage = (event: StorageEvent): void => {
    const change = this.#shelf.change(event);
    if (change === null) {
      return;
    }
    const { id, entry } = change;
    // What is being sent here is known best here, unless it was stored from the other window, or its author signed out.
    if (entry !== null && entry.state.name !== 'sent' && [...this.#busy.values()].includes(id)) {
      return;
    }
    const others = this.#entries.filter((known) => known.id !== id);
    if (entry === null) {
      this.#due.delete(id);
      this.#show(others);
    } else {
      this.#due.set(id, performance.now() + FOREIGN + pauseOf(entry, Date.now()));
      this.#show([...others, entry]);
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
        this.#keep(changed);
      }
    }
  }

  #keep(entry: Entry): void {
    this.#shelf.put(entry);
    this.#due.set(entry.id, performance.now() + pauseOf(entry, Date.now()));
    this.#show([...this.#entries.filter(({ id }) => id !== entry.id), entry]);
  }

  #drop(id: string): void {
    this.#shelf.remove(id);
    this.#due.delete(id);
    this.#show(this.#entries.filter((entry) => entry.id !== id));
  }

  #show(entries: readonly Entry[]): void {
    this.#entries = entries.toSorted(byCreation);
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
