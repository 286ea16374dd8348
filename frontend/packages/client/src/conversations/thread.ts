import type { Message } from '../api/types.ts';
import type { Loaded } from '../sync/paged-list.ts';
import { isSameRow } from '../sync/same-row.ts';
import { compare } from './compare.ts';
import { isOlder } from './versions.ts';

/** What determines the place of a message in its conversation. */
type Position = Pick<Message, 'created_at' | 'uuid'>;

/**
 * Adds messages to a list, oldest to newest, with each message once. Returns `known` itself if nothing changes.
 *
 * A message keeps its place, so only the messages after the oldest fresh one are moved.
 */
export function mergeMessages(known: readonly Message[], fresh: readonly Message[]): readonly Message[] {
  const sorted = fresh.toSorted(byAge);
  const start = sorted[0] === undefined ? known.length : placeOf(known, sorted[0]);
  const merged: Message[] = [];
  let hasChanged = false;
  let index = start;
  for (const message of sorted) {
    for (let old = known[index]; old !== undefined && byAge(old, message) < 0; old = known[index]) {
      merged.push(old);
      index += 1;
    }
    const old = known[index];
    if (old?.uuid === message.uuid) {
      index += 1;
    }
    const same = [merged.at(-1), old].find((other) => other?.uuid === message.uuid);
    const newer = same === undefined ? message : newerOf(same, message);
    hasChanged ||= newer !== same;
    if (same !== undefined && same !== old) {
      merged.pop();
    }
    merged.push(newer);
  }
  return hasChanged ? [...known.slice(0, start), ...merged, ...known.slice(index)] : known;
}

/** The newer of two images of a message; the known one if both are the same. */
function newerOf(known: Message, fresh: Message): Message {
  if (isOlder(fresh, known)) {
    return known;
  }
  const { reply_to: before } = known;
  const { reply_to: after } = fresh;
  // A frame has only the reference, and a deleted text does not return.
  const keepsQuote = before?.user_uuid !== undefined && after !== undefined && (after.user_uuid === undefined || !before.message);
  const newer = keepsQuote ? { ...fresh, reply_to: before } : fresh;
  return isSameRow(known, newer) ? known : newer;
}

/** Whether a page reaches the newest known message, so that no message in between is missing. */
export function reachesKnown(page: readonly Message[], known: readonly Message[]): boolean {
  const newest = known.at(-1);
  const oldest = page[0];
  return newest === undefined || oldest === undefined || byAge(oldest, newest) <= 0;
}

/** Whether a message is in the loaded part of a conversation, or before it. */
export function isListed({ rows, next }: Loaded<Message>, message: Position): boolean {
  const [oldest] = rows;
  const isBefore = next !== null && oldest !== undefined && byAge(message, oldest) < 0;
  // The newest messages are last.
  return isBefore || rows.findLast(({ uuid }) => uuid === message.uuid) !== undefined;
}

/** The index of the first message that is not older. */
function placeOf(messages: readonly Message[], message: Message): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = messages[middle];
    if (other !== undefined && byAge(other, message) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/** Whether a message comes after another one. */
export function isAfter(a: Position, b: Position): boolean {
  return byAge(a, b) > 0;
}

/** Orders messages by age, oldest first. */
export function byAge(a: Position, b: Position): number {
  return compare(a.created_at, b.created_at) || compare(a.uuid, b.uuid);
}
