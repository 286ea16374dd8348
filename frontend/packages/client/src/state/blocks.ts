import { listBlocks, setBlocked } from '../api/blocks-api.ts';
import { newestRows } from '../api/pages.ts';
import type { BlockedUser, MessageGroup } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { compare } from '../conversations/compare.ts';
import { PagedList } from '../sync/paged-list.ts';
import type { GroupRefresher } from './group-refresher.ts';
import { repeat } from './repeat.ts';
import { unreadOf } from './unread-total.ts';

/** The attempts to block a user or to end a block: the person waits for the outcome. */
const ATTEMPTS = 2;
/** Milliseconds between the readings of the inbox after the end of a block: the server lists the conversation with a delay. */
const LISTED_AFTER = [0, 1000, 4000];

/**
 * Whom the signed-in user blocks, as far as this page knows: from its own changes and from the conversations that it has
 * loaded. The inbox leaves out the conversations of these users, even while the server still lists them.
 */
export class Blocks {
  readonly #client: MessagesClient;
  readonly #refresher: GroupRefresher;
  readonly #listeners = new Set<() => void>();
  readonly #known = new Map<string, boolean>();
  /** The rows that blocks have removed from the inbox, by user. */
  readonly #removed = new Map<string, MessageGroup>();
  /** The requests that change blocks, one after the other. */
  #requests: Promise<unknown> = Promise.resolve();
  /** The changes that have started and those that have ended. */
  #started = 0;
  #ended = 0;

  constructor(client: MessagesClient, refresher: GroupRefresher) {
    this.#client = client;
    this.#refresher = refresher;
    client.inboxRules.push((row) => (this.isBlocked(row.user_uuid) === true ? null : row));
  }

  /** Whether a user is blocked; undefined until known. */
  isBlocked(user: string): boolean | undefined {
    return this.#known.get(user);
  }

  /** Calls `listener` after each change. Returns a function that ends this. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** A new list of the blocked users, in the order of their uuids. */
  list(): PagedList<BlockedUser> {
    const { api, connectivity } = this.#client;
    return new PagedList<BlockedUser>(connectivity, {
      load: (cursor) => listBlocks(api, cursor),
      merge: (known, fresh) => {
        const byUuid = new Map([...known, ...fresh].map((user) => [user.uuid, user]));
        return [...byUuid.values()].toSorted((a, b) => compare(a.uuid, b.uuid));
      },
      // The users of later pages may be blocked or not since then; the list is loaded anew with each view.
      reachesKnown: () => true,
      keepsRowsAcrossGap: true,
    });
  }

  /** Blocks a user. The conversation leaves the inbox at once, and returns if the request fails. Rejects with an `ApiError` then. */
  async block(user: string): Promise<void> {
    const before = this.isBlocked(user);
    await this.#change(user, true, () => this.#set(user, true), () => this.#set(user, before === true));
    unreadOf(this.#client).changed();
  }

  /** Ends the block of a user, and reads the inbox again. Rejects with an `ApiError` if the request fails. */
  async unblock(user: string): Promise<void> {
    await this.#change(user, false, () => undefined, () => undefined);
    this.#set(user, false);
    unreadOf(this.#client).changed();
    void this.#list(user);
  }

  /**
   * Returns a function that applies a response to a request that starts now. The function ignores the response if a block has
   * changed meanwhile.
   */
  observe(): (user: string, isBlocked: boolean) => void {
    const started = this.#started;
    const isSteady = () => this.#started === started && this.#ended === started;
    return isSteady() ? (user, isBlocked) => isSteady() && this.#set(user, isBlocked) : () => undefined;
  }

  async #change(user: string, isBlocked: boolean, onStart: () => void, onFailure: () => void): Promise<void> {
    const { api } = this.#client;
    this.#started += 1;
    onStart();
    const request = this.#requests.then(() =>
      repeat(this.#client, () => setBlocked(api, user, isBlocked), (failures) => failures < ATTEMPTS),
    );
    this.#requests = request.catch(() => undefined);
    try {
      await request;
    } catch (error) {
      onFailure();
      throw error;
    } finally {
      this.#ended += 1;
    }
  }

  #set(user: string, isBlocked: boolean): void {
    const { inbox } = this.#client;
    if (this.#known.get(user) === isBlocked) {
      return;
    }
    this.#known.set(user, isBlocked);
    if (isBlocked) {
      const row = inbox.state().value?.rows.find((listed) => listed.user_uuid === user);
      if (row !== undefined) {
        this.#removed.set(user, row);
        inbox.remove((listed) => listed.user_uuid === user);
      }
    } else {
      const row = this.#removed.get(user);
      this.#removed.delete(user);
      if (row !== undefined) {
        inbox.add([row]);
        // It may have changed meanwhile.
        this.#refresher.add([row.uuid]);
      }
    }
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Reads the loaded part of the inbox until it has the conversation with a user. There may be none. */
  async #list(user: string): Promise<void> {
    const { inbox } = this.#client;
    const isTheirs = (row: MessageGroup) => row.user_uuid === user;
    for (const pause of LISTED_AFTER) {
      // One reading after the other.
      // oxlint-disable-next-line no-await-in-loop
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (!inbox.isInUse || this.isBlocked(user) === true) {
        return;
      }
      const { rows = [], next = null } = inbox.state().value ?? {};
      const oldest = next === null ? '' : (rows.at(-1)?.created_at ?? '');
      const isEnough = (page: readonly MessageGroup[]) => page.some((row) => isTheirs(row) || row.created_at < oldest);
      try {
        // oxlint-disable-next-line no-await-in-loop
        await inbox.addLoaded(async () => (await newestRows((cursor) => inbox.page(cursor), isEnough)).rows);
      } catch {
        // The next attempt may succeed.
      }
      if (inbox.state().value?.rows.some(isTheirs) === true) {
        return;
      }
    }
  }
}
