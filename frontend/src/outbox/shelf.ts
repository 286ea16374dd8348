import { local } from '../storage/local.ts';
import { parseRecipient } from '../users/recipient.ts';
import type { Entry, State, Target } from './entry.ts';

/**
 * Where entries outlive the page: one key for each, so that two windows of one person do not overwrite each other's.
 */
export class Shelf {
  readonly #prefix: string;

  constructor(user: string) {
    this.#prefix = `cruddur.outbox.${user}.`;
  }

  all(): Entry[] {
    return local.keys(this.#prefix).flatMap((key) => parseEntry(local.get(key)) ?? []);
  }

  put(entry: Entry): void {
    local.set(this.#prefix + entry.id, JSON.stringify(entry));
  }

  remove(id: string): void {
    local.remove(this.#prefix + id);
  }

  /** What another window did: the entry's id, and the entry unless it was removed. Null when it is nothing of ours. */
  change(event: StorageEvent): { id: string; entry: Entry | null } | null {
    if (event.key === null || !event.key.startsWith(this.#prefix)) {
      return null;
    }
    return { id: event.key.slice(this.#prefix.length), entry: parseEntry(event.newValue) };
  }
}

/** An entry as it was kept; null when it is none. */
export function parseEntry(json: string | null): Entry | null {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    return isEntry(value) ? value : null;
  } catch {
    return null;
  }
}

function isEntry(value: unknown): value is Entry {
  const fields = fieldsOf(value);
  return (
    typeof fields['id'] === 'string' &&
    typeof fields['text'] === 'string' &&
    typeof fields['created'] === 'number' &&
    typeof fields['vouched'] === 'number' &&
    typeof fields['attempts'] === 'number' &&
    (fields['group'] === null || typeof fields['group'] === 'string') &&
    isTarget(fields['target']) &&
    isState(fields['state'])
  );
}

function isTarget(value: unknown): value is Target {
  const { kind, uuid, handle } = fieldsOf(value);
  switch (kind) {
    case 'group':
      return typeof uuid === 'string';
    case 'user':
      return parseRecipient(value) !== null;
    case 'handle':
      return typeof handle === 'string';
    default:
      return false;
  }
}

function isState(value: unknown): value is State {
  const fields = fieldsOf(value);
  switch (fields['name']) {
    case 'sending':
    case 'held':
      return true;
    case 'waiting':
      return typeof fields['notBefore'] === 'number';
    case 'failed':
      return typeof fields['reason'] === 'string';
    case 'sent':
      return typeof fieldsOf(fields['message'])['uuid'] === 'string';
    default:
      return false;
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
