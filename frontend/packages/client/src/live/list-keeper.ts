import { LIMIT } from '../api/api.ts';
import type { MessagesClient } from '../client.ts';
import { LISTS, listKey } from '../storage/stored-lists.ts';
import type { PagedList } from '../sync/paged-list.ts';

/** The number of conversations that are stored: those opened last. */
const CONVERSATIONS = 10;
/** The length of all lists of a person in UTF-16 units, of which a browser stores each in two bytes. */
const MAX_LENGTH = 240_000;

/** Stores the newest rows of the inbox and of the conversations opened last, for the next start of the page. */
export class ListKeeper {
  readonly #client: MessagesClient;
  /** The rows that are stored, by list. */
  readonly #stored = new Map<string, readonly unknown[]>();

  constructor(client: MessagesClient) {
    this.#client = client;
    const { store, user } = client;
    for (const key of store.keys(LISTS)) {
      // It belongs to another person who used this browser.
      if (!key.startsWith(listKey(user, ''))) {
        store.remove(key);
      }
    }
  }

  /** Stores the lists that have changed. */
  store(): void {
    const { inbox, threads, isClosed, session } = this.#client;
    if (isClosed || session() === 'ended') {
      return;
    }
    const opened = [...threads].slice(-CONVERSATIONS);
    const areStored = [
      this.#put('inbox', inbox, (rows) => rows.slice(0, LIMIT)),
      ...opened.map(([group, thread]) => this.#put(group, thread, (rows) => rows.slice(-LIMIT))),
    ];
    if (areStored.includes(true)) {
      this.#prune();
    }
  }

  /** Removes conversations that have changed, so that no deleted text stays if the page is closed now. */
  forget(groups: Iterable<string>): void {
    const { store, user } = this.#client;
    for (const group of groups) {
      this.#stored.delete(group);
      store.remove(listKey(user, group));
    }
  }

  /** Removes all conversations: any of them may have changed. */
  forgetAll(): void {
    this.forget(this.#keys().map((key) => key.slice(listKey(this.#client.user, '').length)));
  }

  /** Stores a list if it has changed. Returns whether it has. */
  #put<Row extends { uuid: string }>(name: string, list: PagedList<Row>, newest: (rows: readonly Row[]) => readonly Row[]): boolean {
    const { store, user } = this.#client;
    const key = listKey(user, name);
    const { value, error, isStored } = list.state();
    if (value === undefined) {
      if (error !== null) {
        store.remove(key);
      }
      return false;
    }
    if (isStored || this.#stored.get(name) === value.rows) {
      return false;
    }
    this.#stored.set(name, value.rows);
    const rows = newest(value.rows);
    const next = value.next === null && rows.length === value.rows.length ? null : '';
    if (!store.set(key, JSON.stringify({ at: Date.now(), rows, next }))) {
      store.remove(key);
    }
    return true;
  }

  /** Removes the conversations stored first that are too many or too long. */
  #prune(): void {
    const { store } = this.#client;
    const texts = this.#keys().map((key) => ({ key, text: store.get(key) ?? '' }));
    const newest = texts.toSorted((a, b) => timeOf(b.text) - timeOf(a.text));
    let length = 0;
    for (const [index, { key, text }] of newest.entries()) {
      length += text.length;
      if (index >= CONVERSATIONS || length > MAX_LENGTH) {
        store.remove(key);
      }
    }
  }

  /** The keys of the stored conversations. */
  #keys(): string[] {
    const { store, user } = this.#client;
    return store.keys(listKey(user, '')).filter((key) => key !== listKey(user, 'inbox'));
  }
}

/** When a list was stored. */
function timeOf(text: string): number {
  return Number(/^\{"at":(\d+)/.exec(text)?.[1] ?? 0);
}
