import { v4 as uuid } from 'uuid';
import type { Store } from './store.ts';

const cursorKey = (user: string) => `cruddur.cursor.${user}`;
const deviceKey = (user: string) => `cruddur.device.${user}`;

/** The cursor of an event of which lists that are loaded from now on know. Returns null if none is stored. */
export function storedCursor(store: Store, user: string): string | null {
  return store.get(cursorKey(user));
}

export function storeCursor(store: Store, user: string, cursor: string): void {
  store.set(cursorKey(user), cursor);
}

/** The uuid of this browser for a person, created if there is none. Returns null if the store does not outlive the page. */
export function storedDevice(store: Store, user: string): string | null {
  const known = store.get(deviceKey(user)) ?? '';
  const device = /^[0-9a-f-]{36}$/.test(known) ? known : uuid();
  return store.set(deviceKey(user), device) ? device : null;
}

/** Removes cursor and device at sign-out. */
export function removePosition(store: Store, user: string): void {
  store.remove(cursorKey(user));
  store.remove(deviceKey(user));
}
