import type { Store } from './store.ts';

export const cursorKey = (user: string) => `cruddur.cursor.${user}`;
export const deviceKey = (user: string) => `cruddur.device.${user}`;

/** Removes the position in the log and the device's uuid at sign-out. */
export function removePosition(store: Store, user: string): void {
  store.remove(cursorKey(user));
  store.remove(deviceKey(user));
}
