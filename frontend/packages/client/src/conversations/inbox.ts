import type { MessageGroup } from '../api/types.ts';
import { isSameRow } from '../sync/same-row.ts';
import { compare } from './compare.ts';
import { isOlder } from './versions.ts';

/**
 * Merges two lists, newest first. Each group has its newest message. Returns `known` itself if nothing changes.
 *
 * Keeps groups that are missing in `fresh`: a page can miss a group whose inbox row is being moved. A group without a number
 * of unread messages, such as that of a frame, keeps the known number.
 */
export function mergeGroups(known: readonly MessageGroup[], fresh: readonly MessageGroup[]): readonly MessageGroup[] {
  const byUuid = new Map(known.map((group) => [group.uuid, group]));
  let hasChanged = false;
  for (const row of fresh) {
    const before = byUuid.get(row.uuid);
    const group = { ...(before?.unread_count !== undefined && { unread_count: before.unread_count }), ...row };
    // For the same version, the fresh row wins: names change.
    if (before === undefined || (!isOutdated(group, before) && !isSameRow(before, group))) {
      byUuid.set(row.uuid, group);
      hasChanged = true;
    }
  }
  return hasChanged
    ? [...byUuid.values()].toSorted((a, b) => compare(b.created_at, a.created_at) || compare(a.uuid, b.uuid))
    : known;
}

function isOutdated(group: MessageGroup, known: MessageGroup): boolean {
  return group.created_at === known.created_at ? isOlder(group, known) : group.created_at < known.created_at;
}

/** Whether a page reaches the newest known group, so that no newer group is missing. */
export function reachesKnown(page: readonly MessageGroup[], known: readonly MessageGroup[]): boolean {
  const newest = known[0];
  const oldest = page.at(-1);
  return newest === undefined || oldest === undefined || oldest.created_at <= newest.created_at;
}
