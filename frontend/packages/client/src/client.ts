import { Api } from './api/api.ts';
import { type Credentials, type TokenFunction, credentialsFrom } from './api/credentials.ts';
import type { Message, MessageGroup, User } from './api/types.ts';
import * as inbox from './conversations/inbox.ts';
import * as thread from './conversations/thread.ts';
import { Drafts } from './drafts/drafts.ts';
import { type Entry, type Target } from './outbox/entry.ts';
import { Outbox } from './outbox/outbox.ts';
import { browserStore } from './storage/safe-storage.ts';
import type { Store } from './storage/store.ts';
import { PagedList } from './sync/paged-list.ts';
import { Polled } from './sync/polled.ts';
import { Polling } from './sync/polling.ts';
import { isSameRow } from './sync/same-row.ts';
import { foldHandle } from './users/handle.ts';
import { removeMe, storedMe, storeMe } from './users/stored-me.ts';

/** The number of conversations, and of users found by handle, that are kept while no view shows them. */
const KEPT = 50;
/** Milliseconds for which a user is not requested again. */
const USER_FRESH_FOR = 60_000;

/** `ended`: the API accepts no token, and only a new sign-in helps. `unreachable`: the token has expired, and the issuer does not respond. */
export type SessionState = 'open' | 'ended' | 'unreachable';

export interface ClientOptions {
  /** The API's URL without a trailing slash and without `/api`. */
  url: string;
  /**
   * Identifies the signed-in person on this device, for example the token's `sub`. Outgoing messages and drafts are stored
   * under it, so it must never be another person's.
   */
  user: string;
  /** A function that returns the access token, or `Credentials` that renew it. */
  credentials: TokenFunction | Credentials;
  /** Where outgoing messages and drafts are stored; by default localStorage. */
  store?: Store;
  /** Sends the requests; by default the global `fetch`. */
  fetch?: typeof fetch;
}

/**
 * A signed-in person's messages.
 *
 * The inbox, conversations and users are loaded and polled while they have subscribers. Outgoing messages are sent
 * between `start` and `stop`.
 */
export class MessagesClient {
  readonly user: string;
  readonly store: Store;
  /** Single requests, which change none of the lists here. */
  readonly api: Api;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  /** When the lists are requested: rarely while the page is hidden, and never after the end of the session. */
  readonly polling = new Polling();
  /** The signed-in user as others see them. */
  readonly me: Polled<User>;
  /** The person's conversations, newest first. */
  readonly inbox: PagedList<MessageGroup>;
  readonly #threads = new Map<string, PagedList<Message>>();
  readonly #users = new Map<string, Polled<User | null>>();
  readonly #sessionListeners = new Set<() => void>();
  #session: SessionState = 'open';
  #isClosed = false;

  constructor({ url, user, credentials, store = browserStore(), fetch }: ClientOptions) {
    const tokens = typeof credentials === 'function' ? credentialsFrom(credentials) : credentials;
    const lapse = () => {
      tokens.lapse();
      this.setSession('ended');
    };
    this.user = user;
    this.store = store;
    this.api = new Api(url, { token: () => tokens.token(), renew: () => tokens.renew(), lapse }, fetch);
    this.drafts = new Drafts(store, user);
    this.outbox = new Outbox({
      store,
      user,
      send: (message, key) => this.api.send(message, key),
      onStored: (entry) => this.#onStored(entry),
    });
    this.me = new Polled<User>(this.polling, {
      load: () => this.#loadMe(),
      initial: storedMe(store, user) ?? undefined,
      isSame: isSameRow,
      freshFor: USER_FRESH_FOR,
    });
    this.inbox = new PagedList<MessageGroup>(this.polling, {
      load: (cursor) => this.api.listGroups(cursor),
      merge: inbox.mergeGroups,
      reachesKnown: inbox.reachesKnown,
      keepsRowsAcrossGap: true,
    });
  }

  /** Sends the stored messages, and those to come. */
  start(): void {
    this.outbox.start();
  }

  /** Sends no further message. Unsent messages stay in the store. */
  stop(): void {
    this.outbox.stop();
  }

  /** Stores a message in the outbox, which sends it. */
  send(target: Target, text: string): void {
    this.outbox.add(target, text);
  }

  /** The messages of a group, oldest first. */
  thread(group: string): PagedList<Message> {
    return kept(this.#threads, group, () => {
      return new PagedList<Message>(this.polling, {
        load: (cursor) => this.api.listMessages(group, cursor),
        merge: thread.mergeMessages,
        reachesKnown: thread.reachesKnown,
        keepsRowsAcrossGap: false,
      });
    });
  }

  /** The user with a handle; null if there is none. */
  userByHandle(handle: string): Polled<User | null> {
    return kept(this.#users, foldHandle(handle), () => {
      return new Polled<User | null>(this.polling, {
        load: () => this.api.findUser(handle),
        isSame: (a, b) => a === b || (a !== null && b !== null && isSameRow(a, b)),
        freshFor: USER_FRESH_FOR,
      });
    });
  }

  /** Whether the API accepts the person's tokens. */
  readonly session = (): SessionState => this.#session;

  /** Calls `listener` when the session ends or is open again. */
  readonly subscribeToSession = (listener: () => void): (() => void) => {
    this.#sessionListeners.add(listener);
    return () => this.#sessionListeners.delete(listener);
  };

  /**
   * Sets the state of the session: `open` after a new sign-in of the same person. While it has ended, nothing is requested and
   * the outbox waits.
   */
  setSession(state: SessionState): void {
    if (state === this.#session) {
      return;
    }
    this.#session = state;
    this.polling.setPaused(state === 'ended');
    this.outbox.pause(state === 'ended');
    if (state === 'open') {
      this.polling.refresh(true);
      this.outbox.retryNow();
    }
    for (const listener of this.#sessionListeners) {
      listener();
    }
  }

  /** Reports that there is a network again. */
  reconnect(): void {
    this.polling.refresh();
    this.outbox.retryNow();
  }

  /** Stores nothing more. Call it when the person has signed out elsewhere. */
  close(): void {
    this.#isClosed = true;
    this.drafts.close();
  }

  /** Removes the person's outgoing messages, drafts and user from this device, for a sign-out. */
  clear(): void {
    this.close();
    this.outbox.clear();
    this.drafts.clear();
    removeMe(this.store, this.user);
  }

  async #loadMe(): Promise<User> {
    const me = await this.api.showMe();
    if (!this.#isClosed) {
      storeMe(this.store, this.user, me);
    }
    return me;
  }

  #onStored({ group }: Entry): void {
    if (group !== null) {
      const list = this.#threads.get(group);
      if (list?.isInUse === true) {
        void list.reload();
      }
    }
    if (this.inbox.isInUse) {
      void this.inbox.reload();
    }
  }
}

/** The value of a key, created if it is missing. Drops the values used longest ago that are not in use. */
function kept<Value extends { isInUse: boolean }>(values: Map<string, Value>, key: string, create: () => Value): Value {
  const value = values.get(key) ?? create();
  values.delete(key);
  values.set(key, value);
  for (const [other, { isInUse }] of values) {
    if (values.size <= KEPT) {
      break;
    }
    if (!isInUse && other !== key) {
      values.delete(other);
    }
  }
  return value;
}
