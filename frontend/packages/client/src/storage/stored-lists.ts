import { millisOf } from '../instants.ts';
import type { Loaded } from '../sync/paged-list.ts';
import type { Store } from './store.ts';

/** The beginning of the keys of all stored lists. */
export const LISTS = 'cruddur.lists.';

/** The key of a list: of a conversation by its group, or of the inbox. */
export const listKey = (user: string, name: string) => `${LISTS}${user}.${name}`;

/** A list as last stored on this device; undefined if none is stored. Its cursor is unknown: `next` only tells whether there is one. */
export function storedList<Row extends { created_at: string }>(
  store: Store,
  key: string,
  isRow: (value: unknown) => value is Row,
): Loaded<Row> | undefined {
  try {
    const { rows, next } = JSON.parse(store.get(key) ?? '') as Loaded<unknown>;
    return rows.every((row): row is Row => isRow(row) && Number.isFinite(millisOf(row.created_at))) ? { rows, next } : undefined;
  } catch {
    return undefined;
  }
}

/** Removes a person's lists, which have texts of others. */
export function removeLists(store: Store, user: string): void {
  for (const key of store.keys(listKey(user, ''))) {
    store.remove(key);
  }
}
