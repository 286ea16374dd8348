import { v4 as uuid } from 'uuid';
import { ApiError } from '../api/api-error.ts';
import { deleteMessage, editMessage, setReaction } from '../api/state-api.ts';
import type { Message, MessageReference } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { hasReaction } from '../conversations/changed.ts';
import { fieldsOf } from '../fields.ts';
import { instantOf } from '../instants.ts';
import { type Reason, reasonOf } from '../outbox/reason.ts';
import { repeat } from './repeat.ts';

/** The attempts until a change fails, unless the server can't be reached. The person sees it as done until then. */
const ATTEMPTS = 3;
/** Milliseconds that a stored reaction is shown although the lists lack it: another device may have removed it. */
const UNLISTED = 10_000;

export type Action =
  | { kind: 'edit'; text: string }
  | { kind: 'delete' }
  | { kind: 'react'; emoji: string; isOn: boolean };

/** A change of a message that the lists do not show yet, or that has failed. */
export interface Change {
  id: string;
  group: string;
  message: MessageReference;
  action: Action;
  /** Why it failed; null while it is being sent. A failed change is not shown in the message. */
  problem: Reason | null;
}

/** The changes of messages that are being sent or have failed, by the uuid of the message, oldest first. */
export type ChangesByMessage = ReadonlyMap<string, readonly Change[]>;

/**
 * Edits, deletions and reactions. Views show them at once, over the rows of the lists. A change that fails disappears from the
 * message, and stays here until it is dismissed. Changes that are being sent or have failed are sent again after a reload.
 */
export class MessageChanges {
  readonly #client: MessagesClient;
  /** The beginning of the keys of stored changes. They are among the drafts: a sign-out removes them, and counts the edits. */
  readonly #prefix: string;
  readonly #listeners = new Set<() => void>();
  /** The last request for each message: its changes are sent one after the other. */
  readonly #requests = new Map<string, Promise<void>>();
  #changes: ChangesByMessage = new Map();

  constructor(client: MessagesClient) {
    this.#client = client;
    this.#prefix = `cruddur.draft.${client.user}.change:`;
    const { store } = client;
    for (const key of store.keys(this.#prefix)) {
      const { group, message, created_at, ...fields } = fieldsOf(JSON.parse(store.get(key) ?? 'null'));
      const action = actionOf(fields);
      if (typeof group === 'string' && typeof message === 'string' && typeof created_at === 'string' && action !== null) {
        this.#start(group, { uuid: message, created_at }, action);
      }
    }
  }

  /** The same object until something changes. The changes of a message are the same array until one of them changes. */
  readonly state = (): ChangesByMessage => this.#changes;

  /** Calls `listener` after each change. Returns a function that ends this. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Replaces the text of an own message. */
  edit(group: string, message: MessageReference, text: string): void {
    this.#start(group, message, { kind: 'edit', text });
  }

  /** Deletes an own message for both members. */
  delete(group: string, message: MessageReference): void {
    this.#start(group, message, { kind: 'delete' });
  }

  /** Adds or removes a reaction. */
  react(group: string, message: MessageReference, emoji: string, isOn: boolean): void {
    this.#start(group, message, { kind: 'react', emoji, isOn });
  }

  /** Sends a failed change again. */
  retry(id: string): void {
    const change = this.#failed(id);
    if (change !== undefined) {
      this.#remove(change);
      this.#start(change.group, change.message, change.action);
    }
  }

  /** Removes a failed change. */
  dismiss(id: string): void {
    const change = this.#failed(id);
    if (change !== undefined) {
      this.#remove(change);
    }
  }

  #failed(id: string): Change | undefined {
    return [...this.#changes.values()].flat().find((change) => change.id === id && change.problem !== null);
  }

  #start(group: string, { uuid: message, created_at }: MessageReference, action: Action): void {
    const change: Change = { id: uuid(), group, message: { uuid: message, created_at }, action, problem: null };
    // The last change of a kind counts, also over one that is being sent.
    this.#put(message, [...this.#of(message).filter((other) => !isSameKind(other.action, action)), change]);
    this.#client.store.set(this.#key(change), JSON.stringify({ text: '', ...action, at: Date.now(), group, message, created_at }));
    const version = this.#row(change)?.version ?? 1;
    const request = (this.#requests.get(message) ?? Promise.resolve()).then(() => this.#send(change, version));
    this.#requests.set(message, request);
    void request.then(() => {
      if (this.#requests.get(message) === request) {
        this.#requests.delete(message);
      }
    });
  }

  /** Sends a change of a message that had a version before. Never rejects. */
  async #send(change: Change, version: number): Promise<void> {
    const { group, message, action } = change;
    try {
      const changed = await repeat(this.#client, () => this.#request(change), isWanted);
      this.#client.expectEvent(message.uuid);
      if (action.kind === 'react') {
        this.#awaitListed(change, version);
        return;
      }
      const row = this.#row(change);
      const image = changed ?? (row && tombstone(row));
      if (image !== undefined) {
        this.#list(group, image);
      }
      this.#remove(change);
    } catch (error) {
      const failed = { ...change, problem: reasonOf(error) };
      this.#put(message.uuid, this.#of(message.uuid).map((other) => (other.id === change.id ? failed : other)));
    }
  }

  /** Sends the request of a change. Returns the message after an edit. */
  async #request({ group, message, action }: Change): Promise<Message | null> {
    const { api } = this.#client;
    switch (action.kind) {
      case 'edit':
        return await editMessage(api, group, message, action.text);
      case 'delete':
        await deleteMessage(api, group, message);
        return null;
      case 'react':
        await setReaction(api, group, message, action.emoji, action.isOn);
        return null;
    }
  }

  /** Shows a message in its conversation and, if it is the newest one, in the inbox. */
  #list(group: string, message: Message): void {
    const { inbox, threads } = this.#client;
    threads.get(group)?.add([message]);
    const row = inbox.state().value?.rows.find(({ uuid: other }) => other === group);
    if (row?.created_at === message.created_at) {
      const { edited_at: _, ...rest } = row;
      const { message: text, version, edited_at, deleted_at } = message;
      inbox.add([
        {
          ...rest,
          message: text,
          ...(version !== undefined && { version }),
          ...(edited_at !== undefined && { edited_at }),
          ...(deleted_at !== undefined && { deleted_at }),
        },
      ]);
    }
  }

  /** Removes a stored reaction when the conversation has a later version with it. */
  #awaitListed(change: Change, version: number): void {
    const { threads, me } = this.#client;
    const thread = threads.get(change.group);
    if (thread?.isInUse !== true || change.action.kind !== 'react') {
      this.#remove(change);
      return;
    }
    const { emoji, isOn } = change.action;
    const isListed = () => {
      const row = this.#row(change);
      const isLater = row === undefined || Boolean(row.deleted_at) || (row.version ?? 1) > version;
      return isLater && (row === undefined || hasReaction(row, emoji, me.state().value?.uuid ?? '') === isOn);
    };
    const end = () => {
      clearTimeout(timer);
      unsubscribe();
      this.#remove(change);
    };
    const timer = setTimeout(end, UNLISTED);
    const unsubscribe = thread.subscribe(() => isListed() && end());
    if (isListed()) {
      end();
    }
  }

  #row({ group, message }: Change): Message | undefined {
    return this.#client.threads.get(group)?.state().value?.rows.findLast(({ uuid: other }) => other === message.uuid);
  }

  #of(message: string): readonly Change[] {
    return this.#changes.get(message) ?? [];
  }

  #remove(change: Change): void {
    const { id, message } = change;
    const changes = this.#of(message.uuid);
    const others = changes.filter((other) => other.id !== id);
    // A later one of the kind may have replaced it.
    if (others.length < changes.length) {
      this.#client.store.remove(this.#key(change));
    }
    this.#put(message.uuid, others);
  }

  /** The key of a stored change. A later one of the kind replaces it. */
  #key({ message, action }: Change): string {
    return [this.#prefix + message.uuid, action.kind, ...(action.kind === 'react' ? [action.emoji] : [])].join(':');
  }

  #put(message: string, changes: readonly Change[]): void {
    const all = new Map(this.#changes);
    if (changes.length === 0) {
      all.delete(message);
    } else {
      all.set(message, changes);
    }
    this.#changes = all;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Whether a change is sent again: the server can't be reached, or the failures may be chance. */
function isWanted(failures: number, error: unknown): boolean {
  return failures < ATTEMPTS || (error instanceof ApiError && error.status === 0);
}

/** The action in the fields of a stored change; null if they have none. */
function actionOf({ kind, text, emoji, isOn }: Record<string, unknown>): Action | null {
  switch (kind) {
    case 'edit':
      return typeof text === 'string' ? { kind, text } : null;
    case 'delete':
      return { kind };
    case 'react':
      return typeof emoji === 'string' && typeof isOn === 'boolean' ? { kind, emoji, isOn } : null;
    default:
      return null;
  }
}

function isSameKind(a: Action, b: Action): boolean {
  return a.kind === b.kind && (a.kind !== 'react' || b.kind !== 'react' || a.emoji === b.emoji);
}

/** A deleted message before the server's one is known. Each write adds 1 to the version, so the server's is not smaller. */
function tombstone(row: Message): Message {
  const { uuid: id, user_uuid, display_name, handle, created_at, version = 1, deleted_at } = row;
  if (deleted_at) {
    return row;
  }
  return { uuid: id, user_uuid, display_name, handle, message: '', created_at, version: version + 1, deleted_at: instantOf(Date.now()) };
}
