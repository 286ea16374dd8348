import { local } from '../storage/local.ts';
import { foldHandle } from '../users/handle.ts';
import { type Recipient, parseRecipient } from '../users/recipient.ts';

const DAYS_KEPT = 30;
/** UTF-16 units of a draft that are kept: many times what can be sent, and little of what a browser has room for. */
export const LONGEST_KEPT = 20_000;
/** Milliseconds after which what is typed is kept. */
const PAUSE = 300;

interface Kept {
  text: string;
  at: number;
  /** To whom it is, while there is no group with them. */
  to?: Recipient;
}

/** A draft as this window has it. */
interface Sheet {
  text: string;
  /** What was last read from the device, or written there. */
  stored: string;
  /** Whether it was typed here since. */
  typed: boolean;
  to: Recipient | undefined;
}

/**
 * What a person has typed and not sent, per conversation. It outlives reloads and sessions that ended.
 *
 * Windows share it. One in which nothing was typed since it last looked takes over what the device has. One in which
 * something was puts both together, unless one text has the other in it: then the longer one stays.
 */
export class Drafts {
  readonly #prefix: string;
  readonly #sheets = new Map<string, Sheet>();
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #held = false;

  constructor(user: string, now = Date.now()) {
    this.#prefix = `cruddur.draft.${user}.`;
    for (const key of local.keys(this.#prefix)) {
      const kept = parse(local.get(key));
      if (kept === null || now - kept.at > DAYS_KEPT * 86_400_000) {
        local.remove(key);
      }
    }
  }

  /** Calls back when a draft has become another one than what was typed here. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  read(conversation: string): string {
    return this.#sheet(conversation).text;
  }

  /** Takes what is typed. It reaches the device after a pause, or with `flush`; an empty text at once. */
  write(conversation: string, text: string, to?: Recipient): void {
    const stored = this.#sheets.get(conversation)?.stored ?? this.#stored(conversation)?.text ?? '';
    this.#sheets.set(conversation, { text, stored, typed: true, to });
    clearTimeout(this.#timer);
    if (text === '') {
      this.flush();
    } else {
      this.#timer = setTimeout(() => this.flush(), PAUSE);
    }
  }

  /** Writes down what was typed. */
  flush(now = Date.now()): void {
    if (this.#held) {
      return;
    }
    clearTimeout(this.#timer);
    for (const [conversation, sheet] of this.#sheets) {
      if (sheet.typed) {
        this.#reconcile(conversation, sheet);
        const text = cut(sheet.text);
        const kept: Kept = { text, at: now, ...(sheet.to && { to: sheet.to }) };
        if (text === '') {
          local.remove(this.#prefix + conversation);
        } else {
          local.set(this.#prefix + conversation, JSON.stringify(kept));
        }
        sheet.stored = text;
        sheet.typed = false;
      }
    }
  }

  /** While an input method composes a word, what is typed stays untouched. */
  hold(held: boolean): void {
    this.#held = held;
    if (!held) {
      this.flush();
    }
  }

  /** Looks at what other windows have written down. */
  refresh(): void {
    if (!this.#held) {
      for (const [conversation, sheet] of this.#sheets) {
        this.#reconcile(conversation, sheet);
      }
    }
  }

  /** Takes a draft along when its conversation gets its group. */
  move(from: string, to: string): void {
    const text = this.read(from);
    if (text !== '') {
      this.write(to, both(this.read(to), text));
      this.write(from, '');
      this.#changed();
    }
  }

  /** For whom there are drafts that were begun when they had this handle. */
  recipients(handle: string): Recipient[] {
    this.flush();
    return local.keys(`${this.#prefix}user:`).flatMap((key) => {
      const to = parse(local.get(key))?.to;
      return to !== undefined && foldHandle(to.handle) === foldHandle(handle) ? [to] : [];
    });
  }

  /** Forgets what is not written down: who signed out in another window left nothing there. */
  forget(): void {
    clearTimeout(this.#timer);
    this.#sheets.clear();
  }

  /** For when a person signs out: nothing of theirs stays on the device. */
  clear(): void {
    this.forget();
    for (const key of local.keys(this.#prefix)) {
      local.remove(key);
    }
  }

  #sheet(conversation: string): Sheet {
    let sheet = this.#sheets.get(conversation);
    if (sheet === undefined) {
      const kept = this.#stored(conversation);
      sheet = { text: kept?.text ?? '', stored: kept?.text ?? '', typed: false, to: kept?.to };
      this.#sheets.set(conversation, sheet);
    } else if (!this.#held) {
      this.#reconcile(conversation, sheet);
    }
    return sheet;
  }

  #reconcile(conversation: string, sheet: Sheet): void {
    const theirs = this.#stored(conversation)?.text ?? '';
    if (theirs === sheet.stored) {
      return;
    }
    sheet.stored = theirs;
    // Of a text that is too long to be kept the others have a part only.
    const own = sheet.typed || sheet.text.length > LONGEST_KEPT;
    const text = own ? both(theirs, sheet.text) : theirs;
    if (text !== sheet.text) {
      sheet.text = text;
      this.#changed();
    }
  }

  #stored(conversation: string): Kept | null {
    return parse(local.get(this.#prefix + conversation));
  }

  #changed(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Both texts, or the longer one if it has the other in it. */
function both(first: string, second: string): string {
  if (second.includes(first)) {
    return second;
  }
  return first.includes(second) ? first : `${first}\n${second}`;
}

/** What is kept of a text: no half of a surrogate pair at its end. */
function cut(text: string): string {
  return text.length <= LONGEST_KEPT ? text : text.slice(0, LONGEST_KEPT).replace(/[\uD800-\uDBFF]$/, '');
}

function parse(json: string | null): Kept | null {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    if (typeof value === 'object' && value !== null && 'text' in value && 'at' in value) {
      const { text, at } = value;
      if (typeof text === 'string' && typeof at === 'number') {
        const to = 'to' in value ? parseRecipient(value.to) : null;
        return { text, at, ...(to && { to }) };
      }
    }
    return null;
  } catch {
    return null;
  }
}
