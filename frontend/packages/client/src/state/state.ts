import { ApiError } from '../api/api-error.ts';
import type { MessageReference, ReportReason, Settings } from '../api/types.ts';
import { reportMessage, updateMe } from '../api/state-api.ts';
import type { MessagesClient } from '../client.ts';
import { Blocks } from './blocks.ts';
import { GroupLoader } from './group-loader.ts';
import { GroupRefresher } from './group-refresher.ts';
import { GroupSettings } from './group-settings.ts';
import { MessageChanges } from './message-changes.ts';
import { NewNames } from './new-names.ts';
import { ReadMarkers } from './read-markers.ts';
import { repeat } from './repeat.ts';
import { Requests } from './requests.ts';
import { ShownGroups } from './shown-groups.ts';
import { uuidOfPair } from '../users/uuid-of-pair.ts';

/** The attempts of a request whose outcome the person waits for. */
const ATTEMPTS = 2;

const states = new WeakMap<MessagesClient, ConversationState>();

/**
 * What a client's user reads and changes. A function and not a member of the client, so that pages can load its code after
 * their start.
 */
export function stateOf(client: MessagesClient): ConversationState {
  const state = states.get(client) ?? new ConversationState(client);
  states.set(client, state);
  return state;
}

export class ConversationState {
  readonly #client: MessagesClient;
  readonly #loader: GroupLoader;
  /** Loads single groups of the inbox again. */
  readonly refresher: GroupRefresher;
  /** Edits, deletions and reactions that are being sent or have failed. */
  readonly changes: MessageChanges;
  /** Names that the lists of the server may not have yet. */
  readonly names = new NewNames();
  /** Marks messages as read or unread. */
  readonly reads: ReadMarkers;
  /** Whom the user blocks. */
  readonly blocks: Blocks;
  /** What the user mutes, hides and clears. */
  readonly settings: GroupSettings;
  /** Conversations with what their members have read. */
  readonly groups: ShownGroups;
  /** Conversations of strangers, which the user accepts or declines. */
  readonly requests: Requests;

  constructor(client: MessagesClient) {
    this.#client = client;
    const loader = new GroupLoader(client, this);
    this.#loader = loader;
    this.refresher = new GroupRefresher(client, loader, () => this.requests.list.reset());
    this.settings = new GroupSettings(client, this.refresher);
    this.blocks = new Blocks(client, this.refresher);
    this.changes = new MessageChanges(client);
    this.reads = new ReadMarkers(client, this.refresher);
    this.groups = new ShownGroups(client, loader, this.refresher, this.names);
    client.inboxRules.push((row) => this.names.applied(row));
    this.requests = new Requests(client, this.groups, this.blocks);
  }

  /**
   * Finds the group of the signed-in user and another one, and adds it to the inbox. Returns null if there is none. Finds
   * hidden groups, too. Rejects with an `ApiError`, and outside of secure contexts.
   */
  async findGroup(me: string, user: string): Promise<string | null> {
    const group = await uuidOfPair(me, user);
    const load = () => this.#loader.load(group);
    try {
      await repeat(this.#client, load, (failures) => failures < ATTEMPTS);
      return group;
    } catch (error) {
      if (error instanceof ApiError && error.has('message_group_not_found')) {
        return null;
      }
      throw error;
    }
  }

  /** Reports a message of the other member to the people who run the service. Rejects with an `ApiError`. */
  async report(group: string, message: MessageReference, reason: ReportReason): Promise<void> {
    const { api } = this.#client;
    await repeat(this.#client, () => reportMessage(api, group, message, reason), (failures) => failures < ATTEMPTS);
  }

  /** Changes settings of the signed-in user. They are shown at once, and as before if the request fails. */
  async updateMe(settings: Settings): Promise<void> {
    const { me, api } = this.#client;
    const before = me.state().value;
    me.update((value) => value && { ...value, ...settings });
    try {
      const after = await updateMe(api, settings);
      me.update(() => after);
      this.#client.storeMe(after);
    } catch (error) {
      me.update((value) => value && before && { ...value, ...pick(before, settings) });
      throw error;
    }
    if (settings.read_receipts !== undefined) {
      this.groups.invalidate();
    }
  }
}

/** The values of the settings in `from`. */
function pick(from: Settings, settings: Settings): Settings {
  const names = Object.keys(settings) as (keyof Settings)[];
  return Object.fromEntries(names.map((name) => [name, from[name]]));
}
