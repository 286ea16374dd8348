import { ApiError } from '../api/api-error.ts';
import { answerRequest, listRequests } from '../api/requests-api.ts';
import type { MessageGroup, Page } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { mergeGroups, reachesKnown } from '../conversations/inbox.ts';
import { PagedList } from '../sync/paged-list.ts';
import type { Blocks } from './blocks.ts';
import { repeat } from './repeat.ts';
import type { ShownGroups } from './shown-groups.ts';

/** The attempts to answer a request: the person waits for the outcome. */
const ATTEMPTS = 2;

/** The conversations that strangers have opened, until the user accepts them. The inbox leaves them out. */
export class Requests {
  /** The requests that are not answered, newest first. Events keep the list up to date. */
  readonly list: PagedList<MessageGroup>;
  readonly #client: MessagesClient;
  readonly #groups: ShownGroups;
  readonly #blocks: Blocks;
  /** The groups that are accepted or declined, which is final. The server lists them for a moment after the answer. */
  readonly #answered = new Set<string>();

  constructor(client: MessagesClient, groups: ShownGroups, blocks: Blocks) {
    this.#client = client;
    this.#groups = groups;
    this.#blocks = blocks;
    this.list = new PagedList<MessageGroup>(client.connectivity, {
      load: (cursor) => this.#load(cursor),
      merge: (known, fresh) => mergeGroups(known, fresh.filter((row) => this.#isOpen(row))),
      reachesKnown,
      keepsRowsAcrossGap: true,
    });
    blocks.subscribe(() => this.#removeClosed());
  }

  /** Whether the list has a group. */
  has(group: string): boolean {
    return this.list.state().value?.rows.some(({ uuid }) => uuid === group) === true;
  }

  /** Accepts a request, which adds it to the inbox, or declines it. Rejects with an `ApiError` if the request fails. */
  async answer(group: string, isAccepted: boolean): Promise<void> {
    const { api } = this.#client;
    await repeat(this.#client, () => answerRequest(api, group, isAccepted), (failures) => failures < ATTEMPTS);
    this.#answered.add(group);
    this.#removeClosed();
    this.#groups.settingsChanged(group);
  }

  /** Adds a group that was loaded, or removes it from the list if it is answered. */
  apply(group: MessageGroup): void {
    if (group.request === 'pending') {
      this.list.add([group]);
    } else {
      this.#answered.add(group.uuid);
      this.#removeClosed();
    }
  }

  async #load(cursor: string | null): Promise<Page<MessageGroup>> {
    try {
      return await listRequests(this.#client.api, cursor);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        // An earlier version of the API has no requests.
        return { rows: [], next: null };
      }
      throw error;
    }
  }

  #isOpen({ uuid, user_uuid: user }: MessageGroup): boolean {
    return !this.#answered.has(uuid) && this.#blocks.isBlocked(user) !== true;
  }

  #removeClosed(): void {
    if (this.list.state().value?.rows.every((row) => this.#isOpen(row)) === false) {
      this.list.remove((row) => !this.#isOpen(row));
    }
  }
}
