import type { LogEvent, Member, ShownGroup } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { Resource } from '../sync/resource.ts';
import type { GroupLoader } from './group-loader.ts';
import type { GroupRefresher } from './group-refresher.ts';
import type { NewNames } from './new-names.ts';

/** Milliseconds for which a group is not loaded again, unless events say that it changed. */
const FRESH_FOR = 10 * 60_000;

/** What a member has read, by an event. */
type Reading = Pick<LogEvent, 'user_uuid' | 'last_read_at' | 'last_read_message_uuid'>;

/** Conversations with what their members have read. Loaded when they have subscribers, and kept current by events. */
export class ShownGroups {
  readonly #client: MessagesClient;
  readonly #loader: GroupLoader;
  readonly #refresher: GroupRefresher;
  readonly #names: NewNames;
  readonly #groups = new Map<string, Resource<ShownGroup>>();
  /** The readings during each request in progress: the response may be older. */
  readonly #readings = new Set<{ group: string; reading: Reading }[]>();

  constructor(client: MessagesClient, loader: GroupLoader, refresher: GroupRefresher, names: NewNames) {
    this.#client = client;
    this.#loader = loader;
    this.#refresher = refresher;
    this.#names = names;
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

  /** Applies a new name of the other user. */
  rename(group: string): void {
    this.#groups.get(group)?.update((shown) => shown && this.#names.applied(shown));
  }

  /** Loads a group that is in use after an event that does not say what changed: it may be blocked on another device. */
  changed(group: string): void {
    void this.#groups.get(group)?.invalidate();
  }

  /** Loads a group after an event about its settings, also if no view shows it: it may be hidden, muted or cleared now. */
  settingsChanged(group: string): void {
    this.changed(group);
    if (this.#groups.get(group)?.isInUse !== true) {
      this.#refresher.addChanged(group);
    }
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
    try {
      const loaded = this.#names.applied(await this.#loader.load(group));
      const during = readings.filter((each) => each.group === group);
      return during.reduce((shown, { reading }) => withReading(shown, reading), loaded);
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
