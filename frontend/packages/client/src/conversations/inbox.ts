import type { MessageGroup } from '../api/types.ts';
import { isSameRow } from '../sync/same-row.ts';
import { compare } from './compare.ts';

/**
 * Merges two lists, newest first. Each group has its newest message. Returns `known` itself if nothing changes.
 *
 * Keeps groups that are missing in `fresh`: a page can miss a group whose inbox row is being moved.
 */
export function mergeGroups(known: readonly MessageGroup[], fresh: readonly MessageGroup[]): readonly MessageGroup[] {
  const byUuid = new Map(known.map((group) => [group.uuid, group]));
  let hasChanged = false;
  for (const group of fresh) {
    const before = byUuid.get(group.uuid);
    // For the same message, the fresh row wins: names change.
    if (before === undefined || (group.created_at >= before.created_at && !isSameRow(before, group))) {
      byUuid.set(group.uuid, group);
      hasChanged = true;
    }
  }
  return hasChanged
    ? [...byUuid.values()].toSorted((a, b) => compare(b.created_at, a.created_at) || compare(a.uuid, b.uuid))
    : known;
}

/** Whether a page reaches the newest known group, so that no newer group is missing. */
export function reachesKnown(page: readonly MessageGroup[], known: readonly MessageGroup[]): boolean {
  const newest = known[0];
  const oldest = page.at(-1);
  return newest === undefined || oldest === undefined || oldest.created_at <= newest.created_at;
}
