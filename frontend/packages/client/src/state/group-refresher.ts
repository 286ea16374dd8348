import { LIMIT } from '../api/api.ts';
import { showGroup } from '../api/state-api.ts';
import type { MessagesClient } from '../client.ts';
import { repeat } from './repeat.ts';

/** The number of groups from which a page of the inbox is cheaper. */
const MANY = 3;

/** Loads groups of the inbox again whose number of unread messages the events do not tell. */
export class GroupRefresher {
  readonly #client: MessagesClient;
  readonly #groups = new Set<string>();
  #isRunning = false;

  constructor(client: MessagesClient) {
    this.#client = client;
  }

  /** Loads groups, unless they are not in the loaded part of the inbox. */
  add(groups: readonly string[]): void {
    const { inbox } = this.#client;
    const listed = inbox.state().value?.rows.map(({ uuid }) => uuid) ?? [];
    for (const group of groups) {
      if (listed.includes(group)) {
        this.#groups.add(group);
      }
    }
    if (this.#groups.size >= MANY) {
      void inbox.invalidate();
      for (const group of listed.slice(0, LIMIT)) {
        this.#groups.delete(group);
      }
    }
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    const { api, inbox } = this.#client;
    try {
      for (let [group] = this.#groups; group !== undefined; [group] = this.#groups) {
        const wanted = group;
        this.#groups.delete(wanted);
        // One request at a time.
        // oxlint-disable-next-line no-await-in-loop
        await inbox.addLoaded(async () => {
          const { members: _, blocked: __, ...row } = await repeat(this.#client, () => showGroup(api, wanted), () => inbox.isInUse);
          return [row];
        });
      }
    } catch {
      // No view shows the inbox, or an earlier version of the API has no such route.
      this.#groups.clear();
      if (inbox.isInUse) {
        void inbox.invalidate();
      } else {
        inbox.reset();
      }
    } finally {
      this.#isRunning = false;
    }
  }
}
