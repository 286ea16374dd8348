import { showGroup } from '../api/state-api.ts';
import type { ShownGroup } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import type { Blocks } from './blocks.ts';
import type { GroupSettings } from './group-settings.ts';
import type { ReadMarkers } from './read-markers.ts';
import type { Requests } from './requests.ts';

/** The parts of the state that loaded groups change. */
type GroupState = Readonly<{ blocks: Blocks; settings: GroupSettings; reads: ReadMarkers; requests: Requests }>;

/** Loads single groups. Applies the blocks, settings and requests in the responses, and adds the groups to the inbox. */
export class GroupLoader {
  readonly #client: MessagesClient;
  readonly #state: GroupState;

  constructor(client: MessagesClient, state: GroupState) {
    this.#client = client;
    this.#state = state;
  }

  /** Loads a group. Rejects with an `ApiError`. */
  async load(group: string): Promise<ShownGroup> {
    const { api, inbox } = this.#client;
    const { blocks, settings, reads, requests } = this.#state;
    const applyBlock = blocks.observe();
    const applySettings = settings.observe(group);
    const loading = showGroup(api, group);
    await inbox.addLoaded(async () => {
      const shown = await loading;
      const { members: _, blocked = false, hidden: __, cleared_until: ___, ...row } = shown;
      applyBlock(row.user_uuid, blocked);
      applySettings(shown);
      if (row.request !== undefined) {
        reads.isRequest(group);
      }
      requests.apply(row);
      return [row];
    });
    return await loading;
  }
}
