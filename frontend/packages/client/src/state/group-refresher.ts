import { LIMIT } from '../api/api.ts';
import type { MessagesClient } from '../client.ts';
import type { GroupLoader } from './group-loader.ts';
import { repeat } from './repeat.ts';

/** The number of groups from which a page of the inbox is cheaper. */
const MANY = 3;

/** Loads groups again whose number of unread messages or settings the events do not tell. */
export class GroupRefresher {
  readonly #client: MessagesClient;
  readonly #loader: GroupLoader;
  /** The groups of the inbox, of which a page may be loaded in their place. */
  readonly #groups = new Set<string>();
  /** The groups with other settings, of which a page of the inbox has only some. */
  readonly #changed = new Set<string>();
  readonly #onGiveUp: () => void;
  /** The group that is being loaded. */
  #current: string | undefined;

  /** `onGiveUp`: groups are not loaded, so that lists other than the inbox may miss changes. */
  constructor(client: MessagesClient, loader: GroupLoader, onGiveUp: () => void) {
    this.#client = client;
    this.#loader = loader;
    this.#onGiveUp = onGiveUp;
  }

  /** Whether a group is being loaded or queued. Its number of unread messages may be wrong until then. */
  isPending(group: string): boolean {
    return this.#current === group || this.#groups.has(group) || this.#changed.has(group);
  }

  /** Loads a group whose settings may have changed, whether or not the inbox lists it. */
  addChanged(group: string): void {
    this.#changed.add(group);
    void this.#run();
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
    if (this.#current !== undefined) {
      return;
    }
    const { inbox } = this.#client;
    try {
      for (let group = this.#next(); group !== undefined; group = this.#next()) {
        const wanted = group;
        this.#current = wanted;
        this.#groups.delete(wanted);
        this.#changed.delete(wanted);
        // One request at a time.
        // oxlint-disable-next-line no-await-in-loop
        await repeat(this.#client, () => this.#loader.load(wanted), () => inbox.isInUse);
      }
    } catch {
      // No view shows the inbox, or an earlier version of the API has no such route.
      this.#groups.clear();
      this.#changed.clear();
      this.#onGiveUp();
      if (inbox.isInUse) {
        void inbox.invalidate();
      } else {
        inbox.reset();
      }
    } finally {
      this.#current = undefined;
    }
  }

  #next(): string | undefined {
    const [group] = [...this.#changed, ...this.#groups];
    return group;
  }
}
