import { markRead, markUnread } from '../api/state-api.ts';
import type { LogEvent, Message, MessageReference } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { MAX_UNREAD, countOfOthers } from '../conversations/reading.ts';
import { isAfter } from '../conversations/thread.ts';
import type { GroupRefresher } from './group-refresher.ts';
import { repeat } from './repeat.ts';

/** Milliseconds between two markers of a conversation. */
const PAUSE = 1000;
/** The attempts to mark messages as unread: the person waits for the outcome. */
const ATTEMPTS = 2;

/** What is known of the user's marker in a conversation. */
interface Marker {
  /** The newest message that was marked as read here; null for none. */
  read: MessageReference | null;
  /** The message to mark next; `newest` for the newest one of the server. */
  wanted: MessageReference | 'newest' | null;
  /** Up to here, views no longer mark messages as read: the person has marked some as unread. */
  floor: MessageReference | null;
  /** Whether the server's count of 0 may be wrong: it does not count messages of a request. */
  isUncounted: boolean;
  isSending: boolean;
  /** Whether the last event told another marker than the one that is being stored. */
  isDoubtful: boolean;
  /** Changes with each marking, so that requests for an earlier one are not repeated. */
  round: number;
  /** The requests, one after the other. */
  requests: Promise<void>;
}

/**
 * Marks messages as read or unread. The inbox shows the new number of unread messages at once.
 *
 * The marker is stored at most once a second per conversation, and only if it is newer. A failed request is repeated.
 */
export class ReadMarkers {
  readonly #client: MessagesClient;
  readonly #refresher: GroupRefresher;
  readonly #markers = new Map<string, Marker>();

  constructor(client: MessagesClient, refresher: GroupRefresher) {
    this.#client = client;
    this.#refresher = refresher;
  }

  /** Reports that a view shows a conversation. Messages that were marked as unread may be marked as read again. */
  opened(group: string): void {
    this.#marker(group).floor = null;
  }

  /** Records that a group is a request. Until shortly after the acceptance, the server returns a count of 0. */
  isRequest(group: string): void {
    this.#marker(group).isUncounted = true;
  }

  /** Marks the messages of a group as read, up to a message that was seen, or all of them because the person says so. */
  markRead(group: string, message: MessageReference | null = null): void {
    const marker = this.#marker(group);
    const rows = this.#rows(group);
    const row = this.#client.inbox.state().value?.rows.find(({ uuid }) => uuid === group);
    const target = message ?? rows?.at(-1) ?? null;
    // What the person has marked as unread is not read by a view.
    const known = [marker.read, message && marker.floor];
    const isKnown = target !== null && known.some((other) => other !== null && !isAfter(target, other));
    // A count of 0 includes all messages up to the time of the row.
    const isRead = !marker.isUncounted && row?.unread_count === 0 && (target === null || target.created_at <= row.created_at);
    if (isKnown || isRead) {
      return;
    }
    marker.round += 1;
    marker.isUncounted = false;
    marker.floor = null;
    marker.read = target;
    marker.wanted = target ?? 'newest';
    if (row !== undefined) {
      const left = target === null ? [] : (rows ?? []).filter((other) => isAfter(other, target));
      this.#client.inbox.add([{ ...row, unread_count: countOfOthers(left, (other) => other.user_uuid !== row.user_uuid) }]);
    }
    void this.#send(group, marker);
  }

  /**
   * Marks messages as unread, from a message on, by default the newest one of the other member. Returns false if the newest 100
   * messages have none. Rejects with an `ApiError` if that fails.
   */
  async markUnread(group: string, from: MessageReference | null = null): Promise<boolean> {
    const { api, inbox } = this.#client;
    const marker = this.#marker(group);
    const listed = this.#rows(group) ?? [];
    const row = inbox.state().value?.rows.find(({ uuid }) => uuid === group);
    const me = this.#client.me.state().value?.uuid;
    const isOwn = ({ user_uuid: user }: Message) => (row === undefined ? user === me : user !== row.user_uuid);
    const isOfOther = (message: Message) => !isOwn(message) && !message.deleted_at;
    const rows = from !== null || listed.some(isOfOther) ? listed : (await api.listMessages(group, null, MAX_UNREAD)).rows;
    const first = from ?? rows.findLast(isOfOther);
    if (first === undefined) {
      return false;
    }
    marker.round += 1;
    marker.floor = rows.at(-1) ?? null;
    marker.read = null;
    marker.wanted = null;
    if (row !== undefined) {
      inbox.add([{ ...row, unread_count: countOfOthers(rows.filter((message) => !isAfter(first, message)), isOwn) }]);
    }
    try {
      await this.#enqueue(marker, () =>
        repeat(this.#client, () => markUnread(api, group, first), (failures) => failures < ATTEMPTS),
      );
      return true;
    } catch (error) {
      marker.floor = null;
      this.#refresher.add([group]);
      throw error;
    }
  }

  /** Whether a later marker than that of an event is being stored here. */
  supersedes(group: string, { last_read_message_uuid: uuid }: Pick<LogEvent, 'last_read_message_uuid'>): boolean {
    const marker = this.#marker(group);
    const isLast = marker.read === null || marker.read.uuid === uuid;
    marker.isDoubtful = marker.isSending && !isLast;
    return marker.isDoubtful;
  }

  async #send(group: string, marker: Marker): Promise<void> {
    if (marker.isSending) {
      return;
    }
    marker.isSending = true;
    for (let next = marker.wanted; next !== null; next = marker.wanted) {
      const target = next === 'newest' ? null : next;
      const started = performance.now();
      const { round } = marker;
      marker.wanted = null;
      try {
        // One marker after the other.
        // oxlint-disable-next-line no-await-in-loop
        await this.#enqueue(marker, () =>
          repeat(this.#client, () => markRead(this.#client.api, group, target), () => marker.round === round),
        );
      } catch {
        if (marker.round === round && !this.#client.isClosed) {
          marker.read = null;
          this.#refresher.add([group]);
        }
      }
      const pause = PAUSE - (performance.now() - started);
      if (pause > 0) {
        // oxlint-disable-next-line no-await-in-loop
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
    marker.isSending = false;
    if (marker.isDoubtful) {
      marker.isDoubtful = false;
      this.#refresher.add([group]);
    }
  }

  #enqueue(marker: Marker, request: () => Promise<void>): Promise<void> {
    const result = marker.requests.then(request);
    marker.requests = result.catch(() => undefined);
    return result;
  }

  #marker(group: string): Marker {
    const marker = this.#markers.get(group) ?? {
      read: null,
      wanted: null,
      floor: null,
      isUncounted: false,
      isSending: false,
      isDoubtful: false,
      round: 0,
      requests: Promise.resolve(),
    };
    this.#markers.set(group, marker);
    return marker;
  }

  #rows(group: string): readonly Message[] | undefined {
    return this.#client.threads.get(group)?.state().value?.rows;
  }
}
