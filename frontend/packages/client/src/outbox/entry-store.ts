import { fieldsOf } from '../fields.ts';
import { millisOf } from '../instants.ts';
import type { Store } from '../storage/store.ts';
import { parseRecipient } from '../users/recipient.ts';
import type { SentMessage } from '../api/types.ts';
import type { Entry, State, Target } from './entry.ts';
import { parseReason } from './reason.ts';

/** Stores entries, each under its own key, so that windows do not overwrite each other's entries. */
export class EntryStore {
  readonly #store: Store;
  readonly #prefix: string;

  constructor(store: Store, user: string) {
    this.#store = store;
    this.#prefix = `cruddur.outbox.${user}.`;
  }

  all(): Entry[] {
    return this.#store.keys(this.#prefix).flatMap((key) => parseEntry(this.#store.get(key), this.#idOf(key)) ?? []);
  }

  put(entry: Entry): void {
    this.#store.set(this.#prefix + entry.id, JSON.stringify(entry));
  }

  remove(id: string): void {
    this.#store.remove(this.#prefix + id);
  }

  /** Removes all entries, including those that can't be parsed. */
  clear(): void {
    for (const key of this.#store.keys(this.#prefix)) {
      this.#store.remove(key);
    }
  }

  /** Calls `listener` when another window changes an entry; it is null if it was removed. */
  subscribe(listener: (id: string, entry: Entry | null) => void): () => void {
    return this.#store.subscribe((key, value) => {
      if (key !== null && key.startsWith(this.#prefix)) {
        const id = this.#idOf(key);
        const entry = parseEntry(value, id);
        if (entry !== null || value === null) {
          listener(id, entry);
        }
      }
    });
  }

  #idOf(key: string): string {
    return key.slice(this.#prefix.length);
  }
}

/** The state of an entry whose stored state can't be parsed. */
export const OTHER_VERSION: State = { name: 'failed', reason: { kind: 'other-version' } };

/** The latest accepted time, slightly before the latest `Date`. */
const LAST_TIME = 8e15;

/**
 * Parses a stored entry of any version of the page.
 *
 * Returns null if the id, the text or the target is missing. Other fields that can't be parsed get a default.
 */
export function parseEntry(json: string | null, id: string): Entry | null {
  let fields: Record<string, unknown>;
  try {
    fields = fieldsOf(JSON.parse(json ?? 'null'));
  } catch {
    return null;
  }
  const target = parseTarget(fields['target']);
  const text = fields['text'];
  if (fields['id'] !== id || typeof text !== 'string' || target === null) {
    return null;
  }
  const attempts = fields['attempts'];
  const { uuid, created_at } = fieldsOf(fields['replyTo']);
  return {
    id,
    target,
    text,
    ...(typeof uuid === 'string' && typeof created_at === 'string' && { replyTo: { uuid, created_at } }),
    created: timeOf(fields['created']) ?? Date.now(),
    // Of unknown age: held until its author confirms it.
    vouched: timeOf(fields['vouched']) ?? 0,
    // There may have been an attempt, so the target must not change.
    attempts: typeof attempts === 'number' && attempts >= 0 ? attempts : 1,
    group: groupOf(fields['group'], target),
    state: parseState(fields['state']) ?? OTHER_VERSION,
  };
}

function parseTarget(value: unknown): Target | null {
  const { kind, uuid, handle } = fieldsOf(value);
  if (kind === 'group' && typeof uuid === 'string') {
    return { kind, uuid };
  }
  if (kind === 'user') {
    const person = parseRecipient(value);
    return person && { kind, ...person };
  }
  return kind === 'handle' && typeof handle === 'string' ? { kind, handle } : null;
}

function groupOf(value: unknown, target: Target): string | null {
  if (typeof value === 'string') {
    return value;
  }
  return target.kind === 'group' ? target.uuid : null;
}

function parseState(value: unknown): State | null {
  const { name, notBefore, problem, reason, message } = fieldsOf(value);
  switch (name) {
    case 'sending':
    case 'held':
      return { name };
    case 'waiting':
      return { name, notBefore: timeOf(notBefore) ?? 0, problem: parseReason(problem) };
    case 'failed':
      return { name, reason: parseReason(reason) ?? { kind: 'other-version' } };
    case 'sent':
      return isSentMessage(message) ? { name, message } : null;
    default:
      return null;
  }
}

function isSentMessage(value: unknown): value is SentMessage {
  const fields = fieldsOf(value);
  const texts = ['message_group_uuid', 'uuid', 'display_name', 'handle', 'message', 'created_at'];
  return texts.every((name) => typeof fields[name] === 'string') && Number.isFinite(millisOf(String(fields['created_at'])));
}

/** A valid time in milliseconds, or null. */
function timeOf(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 && value <= LAST_TIME ? value : null;
}
