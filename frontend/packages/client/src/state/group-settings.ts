import { updateGroup } from '../api/state-api.ts';
import type { MessageGroup, MessageGroupSettings, ShownGroup } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { mergeMessages } from '../conversations/thread.ts';
import { isSameRow } from '../sync/same-row.ts';
import type { GroupRefresher } from './group-refresher.ts';
import { repeat } from './repeat.ts';
import { unreadOf } from './unread-total.ts';

/** The attempts to change a setting: the person waits for the outcome. */
const ATTEMPTS = 2;

/**
 * The signed-in user's settings of conversations. A change is shown at once, and undone if its request fails.
 *
 * Lists may show a setting with a delay, so rows of responses and frames are changed by what is known here.
 */
export class GroupSettings {
  readonly #client: MessagesClient;
  readonly #refresher: GroupRefresher;
  readonly #listeners = new Set<() => void>();
  /** The mutes that rows may not show yet. `until` is null if the group is not muted. */
  readonly #mutes = new Map<string, { until: string | null }>();
  /** The time of the newest message of each hidden group. The next message shows the group again. */
  readonly #hidden = new Map<string, string>();
  /** The numbers of changes of a group that have started and that have ended. */
  readonly #changes = new Map<string, { started: number; ended: number }>();
  /** The requests, one after the other. */
  #requests: Promise<unknown> = Promise.resolve();
  #hideError: unknown = null;

  constructor(client: MessagesClient, refresher: GroupRefresher) {
    this.#client = client;
    this.#refresher = refresher;
    client.inboxRules.push((row) => this.#shown(row));
  }

  /** Why the last conversation could not be hidden; null if it was. A view of it is closed by then. */
  readonly hideError = (): unknown => this.#hideError;

  /** Forgets `hideError`, when its text was read. */
  dismissHideError(): void {
    this.#setHideError(null);
  }

  /** Calls `listener` after each change of `hideError`. Returns a function that ends this. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Mutes a group until a time, or ends its mute. Rejects with an `ApiError`. */
  async mute(group: string, until: string | null): Promise<void> {
    const before = this.#mutes.get(group) ?? { until: this.#row(group)?.muted_until ?? null };
    const mute = { until };
    this.#mutes.set(group, mute);
    this.#update(group);
    try {
      await this.#change(group, { muted_until: until });
    } catch (error) {
      if (this.#mutes.get(group) === mute) {
        this.#mutes.set(group, before);
        this.#update(group);
      }
      throw error;
    }
  }

  /** Removes a group from the inbox until its next message. Never rejects: `hideError` has the error. */
  async hide(group: string): Promise<void> {
    const row = this.#row(group);
    const at = this.#newest(group);
    this.#setHideError(null);
    this.#hidden.set(group, at);
    this.#update(group);
    try {
      await this.#change(group, { hidden: true });
    } catch (error) {
      this.#hidden.delete(group);
      if (row !== undefined) {
        this.#client.inbox.add([row]);
      }
      this.#setHideError(error);
    }
  }

  /** Removes all messages of a group, for the user alone. Rejects with an `ApiError`. */
  async clear(group: string): Promise<void> {
    const { inbox, threads, clearedUntil } = this.#client;
    const row = this.#row(group);
    const loaded = threads.get(group)?.state().value;
    const before = clearedUntil.get(group);
    const until = this.#newest(group);
    this.#setCleared(group, until);
    try {
      await this.#change(group, { cleared: true });
    } catch (error) {
      if (clearedUntil.get(group) === until) {
        clearedUntil.set(group, before ?? '');
        if (row !== undefined) {
          inbox.add([row]);
        }
        if (loaded !== undefined) {
          threads.get(group)?.update(({ rows }) => ({ ...loaded, rows: mergeMessages(loaded.rows, rows) }));
        }
      }
      throw error;
    }
  }

  /**
   * Returns a function that applies a response to a request that starts now. The function ignores the response if a setting of
   * the group has changed meanwhile.
   */
  observe(group: string): (shown: ShownGroup) => void {
    const changes = this.#changesOf(group);
    const { started } = changes;
    const isSteady = () => changes.started === started && changes.ended === started;
    return isSteady() ? (shown) => isSteady() && this.#apply(shown) : () => undefined;
  }

  #apply({ uuid: group, created_at: at, hidden = false, cleared_until: until = '' }: ShownGroup): void {
    // The row of the response has the mute.
    this.#mutes.delete(group);
    if (hidden) {
      this.#hidden.set(group, at);
    } else {
      this.#hidden.delete(group);
    }
    if (until > (this.#client.clearedUntil.get(group) ?? '')) {
      this.#setCleared(group, until);
    } else {
      this.#update(group);
    }
  }

  /** Clears a group up to a time, in the conversation, the outbox and the inbox. */
  #setCleared(group: string, until: string): void {
    const { clearedUntil, threads, outbox } = this.#client;
    clearedUntil.set(group, until);
    threads.get(group)?.update((loaded) => {
      const rows = loaded.rows.filter((message) => !this.#client.isCleared(group, message));
      // All older messages are cleared, too.
      return rows.length === loaded.rows.length ? loaded : { rows, next: null };
    });
    const sent = this.#sent(group).filter((message) => this.#client.isCleared(group, message));
    outbox.removeListed(new Set(sent.map(({ uuid }) => uuid)));
    this.#update(group);
  }

  async #change(group: string, settings: MessageGroupSettings): Promise<void> {
    const { api } = this.#client;
    const changes = this.#changesOf(group);
    changes.started += 1;
    const request = this.#requests.then(() =>
      repeat(this.#client, () => updateGroup(api, group, settings), (failures) => failures < ATTEMPTS),
    );
    this.#requests = request.catch(() => undefined);
    const failure = await request.then(() => null, (error: unknown) => ({ error }));
    changes.ended += 1;
    if (failure !== null) {
      // The server may have stored the setting all the same.
      this.#refresher.addChanged(group);
      throw failure.error;
    }
    unreadOf(this.#client).changed();
  }

  #changesOf(group: string): { started: number; ended: number } {
    const changes = this.#changes.get(group) ?? { started: 0, ended: 0 };
    this.#changes.set(group, changes);
    return changes;
  }

  #row(group: string): MessageGroup | undefined {
    return this.#client.inbox.state().value?.rows.find(({ uuid }) => uuid === group);
  }

  /** The stored messages of the outbox in a group. */
  #sent(group: string) {
    return this.#client.outbox
      .entries()
      .flatMap(({ state }) => (state.name === 'sent' && state.message.message_group_uuid === group ? [state.message] : []));
  }

  /** The time of the newest known message of a group; empty if none is known. */
  #newest(group: string): string {
    const rows = this.#client.threads.get(group)?.state().value?.rows ?? [];
    const newest = [this.#row(group), rows.at(-1), ...this.#sent(group)];
    return newest.map((message) => message?.created_at ?? '').reduce((a, b) => (a > b ? a : b));
  }

  /** Changes the row of the inbox by the settings. */
  #update(group: string): void {
    const row = this.#row(group);
    const shown = row && this.#shown(row);
    if (row !== undefined && shown !== undefined && (shown === null || !isSameRow(row, shown))) {
      this.#client.inbox.update((loaded) => ({
        ...loaded,
        rows: loaded.rows.flatMap((listed) => (listed === row ? (shown ?? []) : listed)),
      }));
    }
  }

  /** A row of the inbox by the settings; null if it is hidden. */
  #shown(row: MessageGroup): MessageGroup | null {
    const { uuid: group, created_at: at } = row;
    if (at <= (this.#hidden.get(group) ?? '')) {
      return null;
    }
    const mute = this.#mutes.get(group);
    const muted = mute === undefined ? row : withMute(row, mute.until);
    return this.#client.isCleared(group, row) ? cleared(muted) : muted;
  }

  #setHideError(error: unknown): void {
    this.#hideError = error;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

function withMute(row: MessageGroup, until: string | null): MessageGroup {
  const { muted_until: _, ...rest } = row;
  return until === null ? rest : { ...rest, muted_until: until };
}

/** A row without the text and the state of its newest message. A row of a frame has no number of unread messages. */
function cleared(row: MessageGroup): MessageGroup {
  const { edited_at: _, deleted_at: __, ...rest } = row;
  return { ...rest, message: '', ...(row.unread_count !== undefined && { unread_count: 0 }) };
}
