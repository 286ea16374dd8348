import { local } from '../storage/local.ts';

const DAYS_KEPT = 30;

interface Kept {
  text: string;
  at: number;
}

/** What a person has typed and not sent, per conversation. It outlives reloads and sessions that ended. */
export class Drafts {
  readonly #prefix: string;

  constructor(user: string, now = Date.now()) {
    this.#prefix = `cruddur.draft.${user}.`;
    for (const key of local.keys(this.#prefix)) {
      const kept = parse(local.get(key));
      if (kept === null || now - kept.at > DAYS_KEPT * 86_400_000) {
        local.remove(key);
      }
    }
  }

  read(conversation: string): string {
    return parse(local.get(this.#prefix + conversation))?.text ?? '';
  }

  write(conversation: string, text: string, now = Date.now()): void {
    if (text === '') {
      local.remove(this.#prefix + conversation);
    } else {
      const kept: Kept = { text, at: now };
      local.set(this.#prefix + conversation, JSON.stringify(kept));
    }
  }

  /** Takes a draft along when a conversation that was known by a handle gets its group. */
  move(from: string, to: string): void {
    const text = this.read(from);
    if (text !== '') {
      const there = this.read(to);
      this.write(to, there === '' ? text : `${there}\n${text}`);
      this.write(from, '');
    }
  }

  /** For when a person signs out: nothing of theirs stays on the device. */
  clear(): void {
    for (const key of local.keys(this.#prefix)) {
      local.remove(key);
    }
  }
}

function parse(json: string | null): Kept | null {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    if (typeof value === 'object' && value !== null && 'text' in value && 'at' in value) {
      const { text, at } = value;
      return typeof text === 'string' && typeof at === 'number' ? { text, at } : null;
    }
    return null;
  } catch {
    return null;
  }
}
