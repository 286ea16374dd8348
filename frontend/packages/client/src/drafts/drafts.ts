import type { Store } from '../storage/store.ts';
import { foldHandle } from '../users/handle.ts';
import { type Recipient, parseRecipient } from '../users/recipient.ts';

const DAYS_STORED = 30;
/** The longest stored draft, in UTF-16 units: many times a message, and a small part of the browser's quota. */
export const MAX_STORED = 20_000;
/** The length of the beginning of a draft in UTF-16 units. */
const MAX_PREVIEW = 200;
/** Milliseconds from the last edit until a draft is stored. */
const STORE_DELAY = 300;

interface StoredDraft {
  text: string;
  at: number;
  /** The recipient of a conversation without a group. */
  to?: Recipient;
  /** The uuid of the message that the draft replies to, or whose edit it is. */
  message?: string;
}

/** A draft in this tab. */
interface OpenDraft {
  text: string;
  /** The stored text that this tab last read or wrote. */
  stored: string;
  /** Whether the text was edited since. */
  typed: boolean;
  to: Recipient | undefined;
  message: string | undefined;
}

/**
 * Unsent text per conversation. Drafts survive reloads and expired sessions.
 *
 * Tabs share drafts through the store. A tab without unsaved edits adopts the stored text. A tab with unsaved edits
 * keeps both texts, or the longer one if it contains the other.
 */
export class Drafts {
  readonly #store: Store;
  readonly #prefix: string;
  readonly #open = new Map<string, OpenDraft>();
  readonly #listeners = new Set<() => void>();
  #unsubscribe: (() => void) | null = null;
  #version = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #held = false;
  #isClosed = false;

  constructor(store: Store, user: string, now = Date.now()) {
    this.#store = store;
    this.#prefix = `cruddur.draft.${user}.`;
    for (const key of this.#store.keys(this.#prefix)) {
      const found = parse(this.#store.get(key));
      if (found === null || now - found.at > DAYS_STORED * 86_400_000) {
        this.#store.remove(key);
      }
    }
  }

  /** Calls `listener` when another tab changes a draft, or when a draft is moved. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#unsubscribe ??= this.#store.subscribe((key) => {
      if (key === null || key.startsWith(this.#prefix)) {
        this.refresh();
        this.#changed();
      }
    });
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        this.#unsubscribe?.();
        this.#unsubscribe = null;
      }
    };
  };

  /** A number that increases with each call of the listeners. */
  readonly version = (): number => this.#version;

  /** The draft of a conversation, which `conversationKey` names; empty if there is none. */
  read(conversation: string): string {
    const draft = this.#openDraft(conversation);
    if (!this.#held) {
      this.#reconcile(conversation, draft);
    }
    return draft.text;
  }

  /** The beginning of a draft, for a list; empty if there is none. */
  preview(conversation: string): string {
    return this.#known(conversation)?.text.slice(0, MAX_PREVIEW).trim() ?? '';
  }

  /** The number of conversations with a draft. */
  count(): number {
    return this.#conversations().filter((conversation) => this.preview(conversation) !== '').length;
  }

  /** The people without a group to whom there are drafts. */
  begun(): Recipient[] {
    return this.#conversations().flatMap((conversation) => {
      const to = conversation.startsWith('user:') && this.preview(conversation) !== '' && this.#known(conversation)?.to;
      return to ? [to] : [];
    });
  }

  /** Changes a draft. It is stored after a delay or by `flush`; an empty one at once. */
  write(conversation: string, text: string, to?: Recipient): void {
    Object.assign(this.#openDraft(conversation), { text, typed: true, to });
    clearTimeout(this.#timer);
    if (text === '') {
      this.flush();
    } else {
      this.#timer = setTimeout(() => this.flush(), STORE_DELAY);
    }
  }

  /** The uuid of the message that a draft replies to, or whose edit it is; undefined for neither. */
  message(conversation: string): string | undefined {
    return this.#known(conversation)?.message;
  }

  /** Sets `message` of a draft. A reply is stored also without a text, an edit is not. */
  refer(conversation: string, message: string | undefined): void {
    const draft = this.#openDraft(conversation);
    draft.message = message;
    this.write(conversation, draft.text, draft.to);
  }

  /** Adds a text to a draft, for example the text of a rejected edit. */
  add(conversation: string, text: string): void {
    this.write(conversation, merged(this.read(conversation), text));
    this.#changed();
  }

  /** Stores all unsaved edits. */
  flush(now = Date.now()): void {
    if (this.#held || this.#isClosed) {
      return;
    }
    clearTimeout(this.#timer);
    for (const [conversation, draft] of this.#open) {
      if (draft.typed) {
        this.#reconcile(conversation, draft);
        const text = cut(draft.text);
        const { to, message } = draft;
        const entry: StoredDraft = { text, at: now, ...(to && { to }), ...(message && { message }) };
        if (text === '' && (message === undefined || conversation.startsWith('edit:'))) {
          this.#store.remove(this.#prefix + conversation);
        } else {
          this.#store.set(this.#prefix + conversation, JSON.stringify(entry));
        }
        draft.stored = text;
        draft.typed = false;
      }
    }
  }

  /** Stops storing and adopting while an input method composes a word. */
  hold(held: boolean): void {
    this.#held = held;
    if (!held) {
      this.flush();
    }
  }

  /** Adopts what other tabs have stored. */
  refresh(): void {
    if (!this.#held) {
      for (const [conversation, draft] of this.#open) {
        this.#reconcile(conversation, draft);
      }
    }
  }

  /** Moves a draft to another name, for example when a conversation gets its group. */
  move(from: string, to: string): void {
    const text = this.read(from);
    if (text !== '') {
      this.write(from, '');
      this.add(to, text);
    }
  }

  /** Recipients of drafts that had this handle when the draft was written. */
  recipients(handle: string): Recipient[] {
    this.flush();
    return this.#store.keys(`${this.#prefix}user:`).flatMap((key) => {
      const to = parse(this.#store.get(key))?.to;
      return to !== undefined && foldHandle(to.handle) === foldHandle(handle) ? [to] : [];
    });
  }

  /** Drops unsaved edits and stores nothing more, after a sign-out. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#open.clear();
  }

  /** Removes all drafts at sign-out. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#open.clear();
    for (const key of this.#store.keys(this.#prefix)) {
      this.#store.remove(key);
    }
  }

  #openDraft(conversation: string): OpenDraft {
    let draft = this.#open.get(conversation);
    if (draft === undefined) {
      const found = this.#stored(conversation);
      const text = found?.text ?? '';
      draft = { text, stored: text, typed: false, to: found?.to, message: found?.message };
      this.#open.set(conversation, draft);
    }
    return draft;
  }

  #reconcile(conversation: string, draft: OpenDraft): void {
    const stored = this.#stored(conversation)?.text ?? '';
    if (stored === draft.stored) {
      return;
    }
    draft.stored = stored;
    // A text over the limit is stored in part, so other tabs have less of it.
    const own = draft.typed || draft.text.length > MAX_STORED;
    const text = own ? merged(stored, draft.text) : stored;
    if (text !== draft.text) {
      draft.text = text;
      this.#changed();
    }
  }

  #conversations(): string[] {
    const stored = this.#store.keys(this.#prefix).map((key) => key.slice(this.#prefix.length));
    return [...new Set([...this.#open.keys(), ...stored])];
  }

  /** A draft as this tab last saw it, or as it is stored. */
  #known(conversation: string) {
    return this.#open.get(conversation) ?? this.#stored(conversation);
  }

  #stored(conversation: string): StoredDraft | null {
    return parse(this.#store.get(this.#prefix + conversation));
  }

  #changed(): void {
    this.#version += 1;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}

/** Both texts, or the longer one if it contains the other. */
function merged(first: string, second: string): string {
  if (second.includes(first)) {
    return second;
  }
  return first.includes(second) ? first : `${first}\n${second}`;
}

/** Cuts a text to the limit without splitting a surrogate pair. */
function cut(text: string): string {
  return text.length <= MAX_STORED ? text : text.slice(0, MAX_STORED).replace(/[\uD800-\uDBFF]$/, '');
}

function parse(json: string | null): StoredDraft | null {
  try {
    const value: unknown = JSON.parse(json ?? 'null');
    if (typeof value === 'object' && value !== null && 'text' in value && 'at' in value) {
      const { text, at } = value;
      if (typeof text === 'string' && typeof at === 'number') {
        const to = 'to' in value ? parseRecipient(value.to) : null;
        const message = 'message' in value && typeof value.message === 'string' && value.message;
        return { text, at, ...(to && { to }), ...(message && { message }) };
      }
    }
    return null;
  } catch {
    return null;
  }
}
