import type { Message, User } from '../api/types.ts';
import { attention } from '../outbox/attention.ts';
import type { Entry } from '../outbox/entry.ts';
import { dayLabel, dayNumber } from '../time/days.ts';
import { millisOf } from '../time/instants.ts';
import { shownName } from '../users/name.ts';

/** A message as it is shown. */
export interface Bubble {
  /** The message's uuid once there is one, so that it stays the same when the list has it. */
  key: string;
  name: string;
  handle: string;
  /** Whether the signed-in user sent it, by uuid: handles change and change hands. */
  own: boolean;
  text: string;
  at: number;
  /** The message on its way; null when the list has it. */
  entry: Entry | null;
  /** Whether it begins or ends a run: what one person wrote in one go. */
  first: boolean;
  last: boolean;
}

export interface Day {
  number: number;
  label: string;
  bubbles: Bubble[];
}

/** A pause that ends a run. */
const PAUSE = 10 * 60_000;

/** The messages of a conversation and those on their way to it, by day and in runs, oldest first. */
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
      // Whatever this device's clock says, it comes after what is there.
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
    bubble.at - before.at < PAUSE &&
    // One that needs attention says so below itself, which would tear a run apart.
    !needsAttention(before) &&
    !needsAttention(bubble)
  );
}

function needsAttention({ entry }: Bubble): boolean {
  return entry !== null && attention(entry) !== null;
}
