import { local } from '../storage/local.ts';
import { millisOf } from '../time/instants.ts';
import { parseRecipient } from '../users/recipient.ts';
import type { SentMessage } from '../api/types.ts';
import type { Entry, State, Target } from './entry.ts';

/** Stores entries in localStorage, each under its own key, so that windows do not overwrite each other's entries. */
export class EntryStore {
  readonly #prefix: string;

  constructor(user: string) {
    this.#prefix = `cruddur.outbox.${user}.`;
  }

  all(): Entry[] {
    return local.keys(this.#prefix).flatMap((key) => parseEntry(local.get(key), this.#idOf(key)) ?? []);
  }

  put(entry: Entry): void {
    local.set(this.#prefix + entry.id, JSON.stringify(entry));
  }

  remove(id: string): void {
    local.remove(this.#prefix + id);
  }

  /** Removes all entries, including those that can't be parsed. */
  clear(): void {
    for (const key of local.keys(this.#prefix)) {
      local.remove(key);
    }
  }

  /** The change by another window; `entry` is null if it was removed. Returns null for other keys. */
  change({ key, newValue }: StorageEvent): { id: string; entry: Entry | null } | null {
    if (key === null || !key.startsWith(this.#prefix)) {
      return null;
    }
    const id = this.#idOf(key);
    const entry = parseEntry(newValue, id);
    return entry === null && newValue !== null ? null : { id, entry };
  }

  #idOf(key: string): string {
    return key.slice(this.#prefix.length);
  }
}

/** The state of an entry whose stored state can't be parsed. */
export const OTHER_VERSION: State = {
  name: 'failed',
  reason: 'It was saved by another version of this page. Send it again, or delete it.',
};

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
  return {
    id,
    target,
    text,
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
      return { name, notBefore: timeOf(notBefore) ?? 0, problem: typeof problem === 'string' ? problem : null };
    case 'failed':
      return typeof reason === 'string' ? { name, reason } : null;
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

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
