import type { Message, Reaction, User } from '../api/types.ts';
import { dayNumber } from '../days.ts';
import { millisOf } from '../instants.ts';
import { attention } from '../outbox/attention.ts';
import type { Entry } from '../outbox/entry.ts';
import type { Change, ChangesByMessage } from '../state/message-changes.ts';
import { shownName } from '../users/name.ts';
import { changedMessage } from './changed.ts';

/** A reaction to a message. */
export interface BubbleReaction {
  emoji: string;
  /** The uuids of the users with this reaction. */
  users: readonly string[];
  /** Whether the signed-in user is one of them. */
  own: boolean;
}

/** The message to which another one replies. */
export interface Quote {
  uuid: string;
  /** Whether the signed-in user sent it; null until known. */
  own: boolean | null;
  /** The text, or its beginning. Null if the message is deleted, or while `own` is null. */
  text: string | null;
}

/** A message in the timeline. */
export interface Bubble {
  kind: 'bubble';
  /** The message's uuid, or the entry's id before the message is stored. */
  key: string;
  name: string;
  handle: string;
  /** Whether the signed-in user sent it. Compared by uuid: handles change, and change hands. */
  own: boolean;
  /** Empty if the message is deleted. */
  text: string;
  at: number;
  /** The listed message, without the changes that are being sent; null for an outgoing message. */
  message: Message | null;
  /** Whether the text was edited. */
  isEdited: boolean;
  isDeleted: boolean;
  reactions: readonly BubbleReaction[];
  /** The message to which it replies; null if there is none. */
  quote: Quote | null;
  /** The changes that are being sent, and those that have failed. The former are included in the other fields. */
  changes: readonly Change[];
  /** The outbox entry; null for a listed message. */
  entry: Entry | null;
  /** Whether it is the first or last of a run: messages of one person without a pause. */
  first: boolean;
  last: boolean;
  /** Whether no message of either person follows within the pause that ends a run. */
  beforePause: boolean;
}

/** The heading of the messages of a day. */
export interface Day {
  kind: 'day';
  key: string;
  /** Days since 1970. */
  number: number;
}

export type TimelineItem = Day | Bubble;

/** Milliseconds between messages that end a run. */
const RUN_PAUSE = 5 * 60_000;

/** The place of a bubble in its day and its run. */
interface Position {
  bubble: Bubble;
  day: number;
  /** The listed message to which it replies. */
  quoted: Message | undefined;
}

/** The message to which another one replies. An outgoing reply has only the reference. */
type ReplyTo = NonNullable<Message['reply_to']>;

/** What bubbles are made from. */
interface Sources {
  messages: readonly Message[];
  changes: ChangesByMessage;
  me: User | null;
}

const NO_REACTIONS: readonly BubbleReaction[] = [];
const NO_CHANGES: readonly Change[] = [];
const NONE: ChangesByMessage = new Map();

/**
 * The timeline of a conversation: listed and unsent messages in runs, oldest first, below headings of their days.
 *
 * An item stays the same object until it changes, so that views can skip it. Use one timeline per conversation.
 */
export class Timeline {
  readonly #timeZone: string | undefined;
  /** The last bubble of each listed message. */
  readonly #listed = new WeakMap<Message, Position>();
  readonly #days = new Map<number, Day>();
  /** Messages with the changes that are being sent. */
  readonly #changed = new WeakMap<Message, { changes: readonly Change[]; me: string | undefined; message: Message }>();
  /** The last listed messages, by uuid. */
  #byUuid: { messages: readonly Message[]; index: ReadonlyMap<string, Message> } | null = null;

  constructor(timeZone?: string) {
    this.#timeZone = timeZone;
  }

  /** The items for the listed messages and the outgoing ones, both oldest first. `me` is null until known. */
  items(
    messages: readonly Message[],
    entries: readonly Entry[],
    me: User | null,
    changes: ChangesByMessage = NONE,
  ): TimelineItem[] {
    const sources = { messages, changes, me };
    const positions = messages.map((message) => this.#ofMessage(message, sources));
    const listed = entries.length === 0 ? null : new Set(messages.map(({ uuid }) => uuid));
    for (const entry of entries) {
      if (entry.state.name !== 'sent' || listed?.has(entry.state.message.uuid) !== true) {
        positions.push(this.#ofEntry(entry, sources, positions.at(-1)?.bubble.at ?? 0));
      }
    }
    const items: TimelineItem[] = [];
    let before: Position | undefined;
    for (const [index, position] of positions.entries()) {
      const after = positions[index + 1];
      if (before?.day !== position.day) {
        items.push(this.#day(position.day));
      }
      const first = before === undefined || !isSameRun(before, position);
      const last = after === undefined || !isSameRun(position, after);
      items.push(this.#placed(messages[index], position, { first, last, beforePause: isPause(position, after) }));
      before = position;
    }
    return items;
  }

  #ofMessage(message: Message, sources: Sources): Position {
    const { me } = sources;
    const own = message.user_uuid === me?.uuid;
    const changes = sources.changes.get(message.uuid) ?? NO_CHANGES;
    const quoted = message.reply_to && this.#find(message.reply_to.uuid, sources);
    const known = this.#listed.get(message);
    if (known?.bubble.own === own && known.bubble.changes === changes && known.quoted === quoted) {
      return known;
    }
    const shown = this.#withChanges(message, sources);
    const at = millisOf(message.created_at);
    const bubble: Bubble = {
      kind: 'bubble',
      key: message.uuid,
      name: shownName(message.display_name, message.handle),
      handle: message.handle,
      own,
      text: shown.message,
      at,
      message,
      isEdited: Boolean(shown.edited_at),
      isDeleted: Boolean(shown.deleted_at),
      reactions: shown.reactions ? shown.reactions.map((reaction) => ofReaction(reaction, me)) : NO_REACTIONS,
      quote: shown.reply_to ? quoteOf(shown.reply_to, quoted, me) : null,
      changes,
      entry: null,
      first: known?.bubble.first ?? true,
      last: known?.bubble.last ?? true,
      beforePause: known?.bubble.beforePause ?? true,
    };
    const position = { bubble, day: dayNumber(at, this.#timeZone), quoted };
    this.#listed.set(message, position);
    return position;
  }

  #withChanges(message: Message, { changes, me }: Sources): Message {
    const own = changes.get(message.uuid);
    if (own === undefined) {
      return message;
    }
    const known = this.#changed.get(message);
    if (known?.changes === own && known.me === me?.uuid) {
      return known.message;
    }
    const changed = changedMessage(message, own, me?.uuid);
    this.#changed.set(message, { changes: own, me: me?.uuid, message: changed });
    return changed;
  }

  /** A listed message with its changes. */
  #find(uuid: string, sources: Sources): Message | undefined {
    const { messages } = sources;
    if (this.#byUuid?.messages !== messages) {
      this.#byUuid = { messages, index: new Map(messages.map((message) => [message.uuid, message])) };
    }
    const message = this.#byUuid.index.get(uuid);
    return message && this.#withChanges(message, sources);
  }

  #ofEntry(entry: Entry, sources: Sources, earliest: number): Position {
    const { me } = sources;
    const { state, replyTo } = entry;
    const quoted = replyTo && this.#find(replyTo.uuid, sources);
    const created = state.name === 'sent' ? millisOf(state.message.created_at) : entry.created;
    // Unsent messages come last, even if this device's clock is behind.
    const at = Math.max(created, earliest);
    const bubble: Bubble = {
      kind: 'bubble',
      key: state.name === 'sent' ? state.message.uuid : entry.id,
      name: me === null ? '' : shownName(me.display_name, me.handle),
      handle: me?.handle ?? '',
      own: true,
      text: entry.text,
      at,
      message: null,
      isEdited: false,
      isDeleted: false,
      reactions: NO_REACTIONS,
      quote: replyTo ? quoteOf(replyTo, quoted, me) : null,
      changes: NO_CHANGES,
      entry,
      first: true,
      last: true,
      beforePause: true,
    };
    return { bubble, day: dayNumber(at, this.#timeZone), quoted };
  }

  #day(number: number): Day {
    const day = this.#days.get(number) ?? { kind: 'day', key: `day-${number}`, number };
    this.#days.set(number, day);
    return day;
  }

  #placed(message: Message | undefined, position: Position, place: Pick<Bubble, 'first' | 'last' | 'beforePause'>): Bubble {
    const { bubble } = position;
    if (bubble.first === place.first && bubble.last === place.last && bubble.beforePause === place.beforePause) {
      return bubble;
    }
    const placed = { ...bubble, ...place };
    if (message !== undefined) {
      this.#listed.set(message, { ...position, bubble: placed });
    }
    return placed;
  }
}

function ofReaction({ emoji, user_uuids: users }: Reaction, me: User | null): BubbleReaction {
  return { emoji, users, own: me !== null && users.includes(me.uuid) };
}

/** The message to which another one replies, as it is listed or, before it is loaded, as the reply tells. */
function quoteOf({ uuid, ...reply }: ReplyTo, quoted: Message | undefined, me: User | null): Quote {
  const { user_uuid: user, message } = quoted ?? reply;
  return { uuid, own: user === undefined ? null : user === me?.uuid, text: message || null };
}

/** Whether a pause, or nothing, is between a message and the next one. */
function isPause(before: Position, after: Position | undefined): boolean {
  return after === undefined || before.day !== after.day || after.bubble.at - before.bubble.at >= RUN_PAUSE;
}

function isSameRun(before: Position, after: Position): boolean {
  return (
    before.bubble.own === after.bubble.own &&
    !isPause(before, after) &&
    // A message that needs attention shows buttons below it, which would split a run.
    !needsAttention(before.bubble) &&
    !needsAttention(after.bubble)
  );
}

function needsAttention({ entry }: Bubble): boolean {
  return entry !== null && attention(entry) !== null;
}
