import type { LogEvent, Member, ShownGroup } from '../api/types.ts';
import { showGroup } from '../api/state-api.ts';
import type { MessagesClient } from '../client.ts';
import { Resource } from '../sync/resource.ts';
import type { Blocks } from './blocks.ts';

/** Milliseconds for which a group is not loaded again, unless events say that it changed. */
const FRESH_FOR = 10 * 60_000;

/** What a member has read, by an event. */
type Reading = Pick<LogEvent, 'user_uuid' | 'last_read_at' | 'last_read_message_uuid'>;

/** Conversations with what their members have read. Loaded when they have subscribers, and kept current by events. */
export class ShownGroups {
  readonly #client: MessagesClient;
  readonly #blocks: Blocks;
  readonly #groups = new Map<string, Resource<ShownGroup>>();
  /** The readings during each request in progress: the response may be older. */
  readonly #readings = new Set<{ group: string; reading: Reading }[]>();

  constructor(client: MessagesClient, blocks: Blocks) {
    this.#client = client;
    this.#blocks = blocks;
  }

  /** A conversation with its members. */
  get(group: string): Resource<ShownGroup> {
    const known = this.#groups.get(group);
    const resource =
      known ?? new Resource<ShownGroup>(this.#client.connectivity, { load: () => this.#load(group), freshFor: FRESH_FOR });
    this.#groups.set(group, resource);
    return resource;
  }

  /** Applies an event `read`. */
  apply(group: string, reading: Reading): void {
    for (const readings of this.#readings) {
      readings.push({ group, reading });
    }
    this.#groups.get(group)?.update((shown) => shown && withReading(shown, reading));
  }

  /** Loads a group that is in use after an event that does not say what changed: it may be blocked on another device. */
  changed(group: string): void {
    void this.#groups.get(group)?.invalidate();
  }

  /** Loads the groups again that are in use: their members' readings may be shown or hidden now. */
  invalidate(): void {
    for (const resource of this.#groups.values()) {
      void resource.invalidate();
    }
  }

  async #load(group: string): Promise<ShownGroup> {
    const readings: { group: string; reading: Reading }[] = [];
    this.#readings.add(readings);
    const { api, inbox } = this.#client;
    const learn = this.#blocks.observe();
    const loading = showGroup(api, group);
    try {
      await inbox.addLoaded(async () => {
        const { members: _, blocked = false, ...row } = await loading;
        learn(row.user_uuid, blocked);
        return [row];
      });
      const during = readings.filter((each) => each.group === group);
      return during.reduce((shown, { reading }) => withReading(shown, reading), await loading);
    } finally {
      this.#readings.delete(readings);
    }
  }
}

/** The group after a member has read. Events may arrive in any order: the latest reading counts. */
function withReading(shown: ShownGroup, { user_uuid: user, last_read_at: at, last_read_message_uuid: message }: Reading): ShownGroup {
  const isOutdated = ({ uuid, last_read_at: before }: Member) => uuid === user && (before ?? '') < (at ?? '');
  if (!shown.members.some(isOutdated)) {
    return shown;
  }
  const members = shown.members.map((member): Member => {
    const { last_read_message_uuid: _, ...rest } = member;
    return isOutdated(member)
      ? { ...rest, ...(at && { last_read_at: at }), ...(message && { last_read_message_uuid: message }) }
      : member;
  });
  return { ...shown, members };
}
