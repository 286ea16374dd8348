import type { Message } from '../api/types.ts';

/** The loaded part of a conversation. */
export interface Thread {
  /** Oldest to newest, without gaps. */
  messages: Message[];
  /** The cursor of older messages; null if there are none. */
  older: string | null;
}

/** Merges two lists into one, oldest to newest, with each message once. */
export function mergeMessages(known: readonly Message[], fresh: readonly Message[]): Message[] {
  const byUuid = new Map(known.map((message) => [message.uuid, message]));
  for (const message of fresh) {
    byUuid.set(message.uuid, message);
  }
  return [...byUuid.values()].toSorted(byAge);
}

/** Whether a page reaches the newest known message, so that no message in between is missing. */
export function reachesKnown(page: readonly Message[], known: readonly Message[]): boolean {
  const newest = known.at(-1);
  const oldest = page[0];
  return newest === undefined || oldest === undefined || byAge(oldest, newest) <= 0;
}

function byAge(a: Message, b: Message): number {
  return compare(a.created_at, b.created_at) || compare(a.uuid, b.uuid);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
