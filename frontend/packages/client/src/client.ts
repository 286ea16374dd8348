import { Api, isMessage, isMessageGroup } from './api/api.ts';
import { type Credentials, type TokenFunction, credentialsFrom } from './api/credentials.ts';
import type { Me, Message, MessageGroup, MessageReference, User } from './api/types.ts';
import * as inbox from './conversations/inbox.ts';
import * as thread from './conversations/thread.ts';
import { Drafts } from './drafts/drafts.ts';
import type { EventStream } from './live/event-stream.ts';
import type { ListKeeper } from './live/list-keeper.ts';
import type { LiveOptions } from './live/live.ts';
import type { Entry, Target } from './outbox/entry.ts';
import { Outbox } from './outbox/outbox.ts';
import { browserStore } from './storage/safe-storage.ts';
import { reportError } from './report-error.ts';
import type { ErrorReport } from './reports.ts';
import type { Store } from './storage/store.ts';
import { listKey, removeLists, storedList } from './storage/stored-lists.ts';
import { cursorKey, removePosition } from './storage/stored-position.ts';
import { Connectivity } from './sync/connectivity.ts';
import { type Loaded, PagedList } from './sync/paged-list.ts';
import { Resource } from './sync/resource.ts';
import { isSameRow } from './sync/same-row.ts';
import { foldHandle } from './users/handle.ts';
import { removeMe, storedMe, storeMe } from './users/stored-me.ts';

/** The number of conversations, and of users found by handle, that are kept while no view shows them. */
const KEPT = 50;
/** Milliseconds for which a user is not requested again. */
const USER_FRESH_FOR = 60_000;
/** Milliseconds from a change of the lists in use until the events start or stop: pages show the lists first. */
const EVENTS_DELAY = 500;
/** Milliseconds until the lists are loaded again if the code for events can't be loaded. */
const WITHOUT_EVENTS = 30_000;

/** `ended`: the API accepts no token, and only a new sign-in helps. `unreachable`: the token has expired, and the issuer does not respond. */
export type SessionState = 'open' | 'ended' | 'unreachable';

export interface ClientOptions extends LiveOptions {
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
  /**
   * Whether the newest part of the inbox and of the conversations opened last is stored, about 500 kB at most. A page then shows
   * it at once, also without a network, until the API has responded. By default false: it has texts of others.
   */
  keepsLists?: boolean;
  /** Called with bugs in the client's background work, at most ten times. Failed requests are not bugs. */
  onError?: ((report: ErrorReport) => void) | undefined;
  /** Sends the requests; by default the global `fetch`. */
  fetch?: typeof fetch;
}

/**
 * A signed-in person's messages.
 *
 * The inbox, conversations and users are loaded when they have subscribers, and events keep the lists up to date. Outgoing
 * messages are sent between `start` and `stop`.
 */
export class MessagesClient {
  readonly user: string;
  readonly store: Store;
  /** Single requests, which change none of the lists here. */
  readonly api: Api;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  /** When requests are made: rarely while the page is hidden, and never after the end of the session. */
  readonly connectivity = new Connectivity();
  /** The signed-in user as others see them, and their settings. */
  readonly me: Resource<Me>;
  /** The person's conversations, newest first. */
  readonly inbox: PagedList<MessageGroup>;
  /** The conversations used last, by group. */
  readonly threads: ReadonlyMap<string, PagedList<Message>>;
  /** Rules for the rows of the inbox. A rule returns the row to show, or null to leave it out. `stateOf` adds them. */
  readonly inboxRules: ((row: MessageGroup) => MessageGroup | null)[] = [];
  /** The time of the last message that the person has cleared, by group. `stateOf` changes it. */
  readonly clearedUntil = new Map<string, string>();
  readonly #threads = new Map<string, PagedList<Message>>();
  readonly #users = new Map<string, Resource<User | null>>();
  readonly #sessionListeners = new Set<() => void>();
  readonly #createEvents: () => Promise<EventStream>;
  readonly #keepsLists: boolean;
  #keeper: ListKeeper | null = null;
  #events: EventStream | null = null;
  #eventsTimer: ReturnType<typeof setTimeout> | undefined;
  #session: SessionState = 'open';
  #isClosed = false;

  constructor({ url, user, credentials, store = browserStore(), keepsLists = false, onError, fetch, ...live }: ClientOptions) {
    const tokens = typeof credentials === 'function' ? credentialsFrom(credentials) : credentials;
    const lapse = () => {
      tokens.lapse();
      this.setSession('ended');
    };
    this.user = user;
    this.store = store;
    this.#keepsLists = keepsLists;
    this.connectivity.onFault = onError && ((error) => void reportError(error, onError));
    this.threads = this.#threads;
    this.api = new Api(url, { token: () => tokens.token(), renew: () => tokens.renew(), lapse }, fetch);
    this.drafts = new Drafts(store, user);
    this.outbox = new Outbox({
      store,
      user,
      send: (message, key) => this.api.send(message, key),
      onStored: (entry) => this.#onStored(entry),
    });
    const cursor = store.get(cursorKey(user));
    this.#createEvents = async () => {
      const { createEventStream, ListKeeper: Keeper } = await import('./live/live.ts');
      this.#keeper ??= keepsLists ? new Keeper(this) : null;
      const internals = {
        credentials: tokens,
        cursor,
        removeListed: () => this.#removeListed(),
        keeper: this.#keeper,
      };
      return createEventStream(this, internals, live);
    };
    this.me = new Resource<Me>(this.connectivity, {
      load: () => this.#loadMe(),
      initial: storedMe(store, user) ?? undefined,
      isSame: isSameRow,
      freshFor: USER_FRESH_FOR,
    });
    this.inbox = new PagedList<MessageGroup>(this.connectivity, {
      stored: this.#storedList('inbox', isMessageGroup),
      load: (page) => this.api.listGroups(page),
      merge: (known, fresh) => inbox.mergeGroups(known, fresh.flatMap((row) => this.#ruled(row) ?? [])),
      reachesKnown: inbox.reachesKnown,
      keepsRowsAcrossGap: true,
      onUse: () => this.#onUse(),
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

  /** Whether the person has signed out. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Stores a message in the outbox, which sends it. `replyTo` is a message of the same group. */
  send(target: Target, text: string, replyTo: MessageReference | null = null): void {
    this.outbox.add(target, text, replyTo);
  }

  /** The messages of a group, oldest first. */
  thread(group: string): PagedList<Message> {
    return kept(this.#threads, group, () => {
      return new PagedList<Message>(this.connectivity, {
        stored: this.#storedList(group, isMessage),
        load: (cursor, limit) => this.api.listMessages(group, cursor, limit),
        merge: (known, fresh) => thread.mergeMessages(known, fresh.filter((message) => !this.isCleared(group, message))),
        reachesKnown: thread.reachesKnown,
        keepsRowsAcrossGap: false,
        onUse: () => this.#onUse(),
      });
    });
  }

  /** Whether the person has cleared a message of a group. */
  isCleared(group: string, { created_at: at }: Pick<Message, 'created_at'>): boolean {
    return at <= (this.clearedUntil.get(group) ?? '');
  }

  /** The user with a handle; null if there is none. */
  userByHandle(handle: string): Resource<User | null> {
    return kept(this.#users, foldHandle(handle), () => {
      return new Resource<User | null>(this.connectivity, {
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
    this.connectivity.setPaused(state === 'ended');
    this.outbox.pause(state === 'ended');
    if (state === 'open') {
      this.reconnect();
    } else if (state === 'ended') {
      // Perhaps on another device, because this one is lost.
      removeLists(this.store, this.user);
    }
    this.#updateEvents();
    for (const listener of this.#sessionListeners) {
      listener();
    }
  }

  /** Reports that there is a network again. */
  reconnect(): void {
    this.connectivity.wake();
    this.outbox.retryNow();
  }

  /** Stores nothing more. Call it when the person has signed out elsewhere. */
  close(): void {
    this.#isClosed = true;
    this.drafts.close();
    this.#updateEvents();
  }

  /** Removes the person's outgoing messages, drafts, lists and user from this device, for a sign-out. */
  clear(): void {
    this.close();
    this.outbox.clear();
    this.drafts.clear();
    removeMe(this.store, this.user);
    removePosition(this.store, this.user);
    removeLists(this.store, this.user);
  }

  /** Reports that the person has changed a message, so that its event is about to happen. */
  expectEvent(message: string): void {
    this.#events?.expect(message);
  }

  /** Stores the signed-in user for the next start. */
  storeMe(me: Me): void {
    if (!this.#isClosed) {
      storeMe(this.store, this.user, me);
    }
  }

  #storedList<Row extends { created_at: string }>(name: string, isRow: (value: unknown) => value is Row): Loaded<Row> | undefined {
    return this.#keepsLists ? storedList(this.store, listKey(this.user, name), isRow) : undefined;
  }

  async #loadMe(): Promise<Me> {
    const me = await this.api.showMe();
    this.storeMe(me);
    return me;
  }

  #onStored({ id, state }: Entry): void {
    if (this.#events === null) {
      this.#invalidate();
      return;
    }
    // The response may come after the event.
    this.#removeListed();
    if (state.name === 'sent' && this.outbox.entries().some((entry) => entry.id === id)) {
      this.#events.expect(state.message.uuid);
    }
  }

  #ruled(row: MessageGroup): MessageGroup | null {
    // Requests are not in the inbox until they are accepted.
    const accepted = row.request === undefined ? row : null;
    return this.inboxRules.reduce((shown, rule) => shown && rule(shown), accepted);
  }

  /** Removes the messages from the outbox that their conversations list, and those that are cleared. */
  #removeListed(): void {
    const listed = this.outbox.entries().flatMap(({ state }) => {
      if (state.name !== 'sent') {
        return [];
      }
      const { message } = state;
      const { message_group_uuid: group, uuid } = message;
      const loaded = this.#threads.get(group)?.state().value;
      return this.isCleared(group, message) || (loaded !== undefined && thread.isListed(loaded, message)) ? [uuid] : [];
    });
    this.outbox.removeListed(new Set(listed));
  }

  /** Starts or stops the events soon, and removes from the outbox what was loaded. */
  #onUse(): void {
    this.#eventsTimer ??= setTimeout(() => this.#updateEvents(), EVENTS_DELAY);
  }

  /** Events are received while a loaded list is in use. */
  #updateEvents(): void {
    clearTimeout(this.#eventsTimer);
    this.#eventsTimer = undefined;
    this.#removeListed();
    this.#keeper?.store();
    const isLoaded = [this.inbox, ...this.#threads.values()].some((list) => {
      const { value, error } = list.state();
      return list.isInUse && (value !== undefined || error !== null);
    });
    if (!isLoaded || this.#isClosed || this.#session === 'ended') {
      this.#events?.stop();
    } else if (this.#events !== null) {
      this.#events.start();
    } else {
      void this.#openEvents();
    }
  }

  async #openEvents(): Promise<void> {
    try {
      const events = await this.#createEvents();
      this.#events ??= events;
      this.#updateEvents();
    } catch {
      // Offline, or the page was replaced by a newer version.
      this.#invalidate();
      this.#eventsTimer ??= setTimeout(() => this.#updateEvents(), WITHOUT_EVENTS);
    }
  }

  #invalidate(): void {
    for (const list of [this.inbox, ...this.#threads.values()]) {
      void list.invalidate();
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
