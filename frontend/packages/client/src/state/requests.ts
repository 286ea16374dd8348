import { answerRequest, listRequests } from '../api/requests-api.ts';
import type { MessageGroup } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { compare } from '../conversations/compare.ts';
import { PagedList } from '../sync/paged-list.ts';
import { repeat } from './repeat.ts';
import type { ShownGroups } from './shown-groups.ts';

/** The attempts to answer a request: the person waits for the outcome. */
const ATTEMPTS = 2;

/** The conversations that strangers have opened, until the user accepts them. The inbox leaves them out. */
export class Requests {
  readonly #client: MessagesClient;
  readonly #groups: ShownGroups;

  constructor(client: MessagesClient, groups: ShownGroups) {
    this.#client = client;
    this.#groups = groups;
  }

  /** A new list of the requests that are not answered, newest first. */
  list(): PagedList<MessageGroup> {
    const { api, connectivity } = this.#client;
    return new PagedList<MessageGroup>(connectivity, {
      load: (cursor) => listRequests(api, cursor),
      merge: (known, fresh) => {
        const byUuid = new Map([...known, ...fresh].map((group) => [group.uuid, group]));
        return [...byUuid.values()].toSorted((a, b) => compare(b.created_at, a.created_at));
      },
      // Requests of later pages may have been answered meanwhile. Each view loads a new list.
      reachesKnown: () => true,
      keepsRowsAcrossGap: true,
    });
  }

  /** Accepts a request, which adds it to the inbox, or declines it. Rejects with an `ApiError` if the request fails. */
  async answer(group: string, isAccepted: boolean): Promise<void> {
    const { api } = this.#client;
    await repeat(this.#client, () => answerRequest(api, group, isAccepted), (failures) => failures < ATTEMPTS);
    this.#groups.settingsChanged(group);
  }
}
