import type { Message, User } from '../api/types.ts';
import { dayNumber } from '../days.ts';
import { millisOf } from '../instants.ts';
import { attention } from '../outbox/attention.ts';
import type { Entry } from '../outbox/entry.ts';
import { shownName } from '../users/name.ts';

/** A message in the timeline. */
export interface Bubble {
  kind: 'bubble';
  /** The message's uuid, or the entry's id before the message is stored. */
  key: string;
  name: string;
  handle: string;
  /** Whether the signed-in user sent it. Compared by uuid: handles change, and change hands. */
  own: boolean;
  text: string;
  at: number;
  /** The outbox entry; null for a listed message. */
  entry: Entry | null;
  /** Whether it is the first or last of a run: messages of one person without a pause. */
  first: boolean;
  last: boolean;
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
const RUN_PAUSE = 10 * 60_000;

/** The place of a bubble in its day and its run. */
interface Position {
  bubble: Bubble;
  day: number;
}

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

  constructor(timeZone?: string) {
    this.#timeZone = timeZone;
  }

  /** The items for the listed messages and the outgoing ones, both oldest first. `me` is null until known. */
  items(messages: readonly Message[], entries: readonly Entry[], me: User | null): TimelineItem[] {
    const positions = messages.map((message) => this.#ofMessage(message, me));
    const listed = entries.length === 0 ? null : new Set(messages.map(({ uuid }) => uuid));
    for (const entry of entries) {
      if (entry.state.name !== 'sent' || listed?.has(entry.state.message.uuid) !== true) {
        positions.push(this.#ofEntry(entry, me, positions.at(-1)?.bubble.at ?? 0));
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
      items.push(this.#placed(messages[index], position, first, last));
      before = position;
    }
    return items;
  }

  #ofMessage(message: Message, me: User | null): Position {
    const own = message.user_uuid === me?.uuid;
    const known = this.#listed.get(message);
    if (known?.bubble.own === own) {
      return known;
    }
    const at = millisOf(message.created_at);
    const bubble: Bubble = {
      kind: 'bubble',
      key: message.uuid,
      name: shownName(message.display_name, message.handle),
      handle: message.handle,
      own,
      text: message.message,
      at,
      entry: null,
      first: true,
      last: true,
    };
    const position = { bubble, day: dayNumber(at, this.#timeZone) };
    this.#listed.set(message, position);
    return position;
  }

  #ofEntry(entry: Entry, me: User | null, earliest: number): Position {
    const { state } = entry;
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
      entry,
      first: true,
      last: true,
    };
    return { bubble, day: dayNumber(at, this.#timeZone) };
  }

  #day(number: number): Day {
    const day = this.#days.get(number) ?? { kind: 'day', key: `day-${number}`, number };
    this.#days.set(number, day);
    return day;
  }

  #placed(message: Message | undefined, position: Position, first: boolean, last: boolean): Bubble {
    const { bubble } = position;
    if (bubble.first === first && bubble.last === last) {
      return bubble;
    }
    const placed = { ...bubble, first, last };
    if (message !== undefined) {
      this.#listed.set(message, { ...position, bubble: placed });
    }
    return placed;
  }
}

function isSameRun(before: Position, after: Position): boolean {
  return (
    before.day === after.day &&
    before.bubble.own === after.bubble.own &&
    after.bubble.at - before.bubble.at < RUN_PAUSE &&
    // A message that needs attention shows buttons below it, which would split a run.
    !needsAttention(before.bubble) &&
    !needsAttention(after.bubble)
  );
}

function needsAttention({ entry }: Bubble): boolean {
  return entry !== null && attention(entry) !== null;
}
