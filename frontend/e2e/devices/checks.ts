import { isDeepStrictEqual } from 'node:util';
import type { LogEvent, Message } from '@cruddur/client';

/** A message that is delivered again is not logged again unless this many rows came after it. */
const TAIL = 16;

export const uuidsOf = (messages: readonly Message[]) => messages.map(({ uuid }) => uuid);

/** What is in `whole` but not in `part`. */
export function missing(whole: readonly string[], part: readonly string[]): string[] {
  const known = new Set(part);
  return whole.filter((text) => !known.has(text));
}

export function repeated(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return texts.filter((text) => seen.size === seen.add(text).size);
}

/** The new messages of an event. */
const newMessages = ({ type, message_uuids: uuids }: LogEvent) => (type === 'message' ? (uuids ?? []) : []);

/** The uuids of messages that no event announces. */
export function unlogged(log: readonly LogEvent[], uuids: readonly string[]): string[] {
  return missing(uuids, log.flatMap(newMessages));
}

/** Where the numbers of a log that is read from `start` are not consecutive. */
export function gaps(log: readonly LogEvent[], start: number): string[] {
  let last = start;
  return log.flatMap(({ number }) => {
    const before = last;
    last = number;
    return number === before || number === before + 1 ? [] : [`row ${number} follows row ${before}`];
  });
}

/** The messages that are logged again although the log could still tell. */
export function earlyRepetitions(log: readonly LogEvent[]): string[] {
  const rows = new Map<string, number>();
  return log.flatMap((event) =>
    newMessages(event).flatMap((uuid) => {
      const { number } = event;
      const before = rows.get(uuid);
      rows.set(uuid, number);
      return before === undefined || number - before > TAIL ? [] : [`${uuid} is in the rows ${before} and ${number}`];
    }),
  );
}

/** The rows of a log that a device did not receive, or with other contents. */
export function unreceived(log: readonly LogEvent[], received: ReadonlyMap<number, readonly LogEvent[]>): string[] {
  const rows = new Map<number, LogEvent[]>();
  for (const event of log) {
    rows.set(event.number, [...(rows.get(event.number) ?? []), event]);
  }
  return [...rows].flatMap(([number, events]) => {
    const other = received.get(number);
    if (other === undefined) {
      return [`row ${number} was not received`];
    }
    return isDeepStrictEqual(other, events) ? [] : [`row ${number} was received with other contents`];
  });
}
