import type { Message, User } from '../api/types.ts';
import { attention } from '../outbox/attention.ts';
import type { Entry } from '../outbox/entry.ts';
import { dayLabel, dayNumber } from '../time/days.ts';
import { millisOf } from '../time/instants.ts';
import { shownName } from '../users/name.ts';

/** A message in the timeline. */
export interface Bubble {
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

export interface Day {
  number: number;
  label: string;
  bubbles: Bubble[];
}

/** Milliseconds between messages that end a run. */
const RUN_PAUSE = 10 * 60_000;

/** The listed and unsent messages of a conversation, by day and in runs, oldest first. */
export function timeline(
  messages: readonly Message[],
  entries: readonly Entry[],
  me: User | null,
  today: number,
  timeZone?: string,
): Day[] {
  const days: Day[] = [];
  let before: Bubble | undefined;
  for (const bubble of bubbles(messages, entries, me)) {
    const number = dayNumber(bubble.at, timeZone);
    let day = days.at(-1);
    if (day === undefined || day.number !== number) {
      day = { number, label: dayLabel(number, today), bubbles: [] };
      days.push(day);
      before = undefined;
    }
    if (before !== undefined && sameRun(before, bubble)) {
      before.last = false;
      bubble.first = false;
    }
    day.bubbles.push(bubble);
    before = bubble;
  }
  return days;
}

function bubbles(
  messages: readonly Message[],
  entries: readonly Entry[],
  me: User | null,
): Bubble[] {
  const listed = new Set(messages.map(({ uuid }) => uuid));
  const shown: Bubble[] = messages.map((message) => ({
    key: message.uuid,
    name: shownName(message.display_name, message.handle),
    handle: message.handle,
    own: message.user_uuid === me?.uuid,
    text: message.message,
    at: millisOf(message.created_at),
    entry: null,
    first: true,
    last: true,
  }));
  for (const entry of entries) {
    const { state } = entry;
    if (state.name === 'sent' && listed.has(state.message.uuid)) {
      continue;
    }
    shown.push({
      key: state.name === 'sent' ? state.message.uuid : entry.id,
      name: me === null ? 'You' : shownName(me.display_name, me.handle),
      handle: me?.handle ?? '',
      own: true,
      text: entry.text,
      // Unsent messages come last, even if this device's clock is behind.
      at: Math.max(
        state.name === 'sent' ? millisOf(state.message.created_at) : entry.created,
        shown.at(-1)?.at ?? 0,
      ),
      entry,
      first: true,
      last: true,
    });
  }
  return shown;
}

function sameRun(before: Bubble, bubble: Bubble): boolean {
  return (
    before.own === bubble.own &&
    bubble.at - before.at < RUN_PAUSE &&
    // A message that needs attention shows buttons below it, which would split a run.
    !needsAttention(before) &&
    !needsAttention(bubble)
  );
}

function needsAttention({ entry }: Bubble): boolean {
  return entry !== null && attention(entry) !== null;
}
