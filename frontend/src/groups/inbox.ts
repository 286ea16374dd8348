import type { MessageGroup } from '../api/types.ts';

/** What is known of the signed-in user's conversations. */
export interface Inbox {
  /** Newest first. */
  groups: MessageGroup[];
  /** Where older ones begin; null when there are none. */
  next: string | null;
}

/**
 * Both together, each conversation once at its newest message, newest first.
 *
 * One that `fresh` does not have stays: while the server moves a conversation up, a listing may miss it.
 */
export function mergeGroups(known: readonly MessageGroup[], fresh: readonly MessageGroup[]): MessageGroup[] {
  const byUuid = new Map(known.map((group) => [group.uuid, group]));
  for (const group of fresh) {
    const before = byUuid.get(group.uuid);
    // At the same message the fresh one counts: names change.
    if (before === undefined || group.created_at >= before.created_at) {
      byUuid.set(group.uuid, group);
    }
  }
  return [...byUuid.values()].toSorted(
    (a, b) => compare(b.created_at, a.created_at) || compare(a.uuid, b.uuid),
  );
}

/** Whether a page goes down to the newest known conversation, so that nothing newer can be missing. */
export function reachesKnown(page: readonly MessageGroup[], known: readonly MessageGroup[]): boolean {
  const newest = known[0];
  const oldest = page.at(-1);
  return newest === undefined || oldest === undefined || oldest.created_at <= newest.created_at;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
