import type { Me } from '../api/types.ts';
import type { Store } from '../storage/store.ts';

/** The signed-in user, as last stored on this device. Returns null if none is stored. */
export function storedMe(store: Store, user: string): Me | null {
  try {
    const value: unknown = JSON.parse(store.get(keyOf(user)) ?? 'null');
    const { uuid, handle, display_name: name, read_receipts: receipts } = { ...(value as Partial<Me> | null) };
    return typeof uuid === 'string' && typeof handle === 'string' && typeof name === 'string'
      ? { uuid, handle, display_name: name, ...(typeof receipts === 'boolean' && { read_receipts: receipts }) }
      : null;
  } catch {
    return null;
  }
}

export function storeMe(store: Store, user: string, { uuid, handle, display_name, read_receipts }: Me): void {
  store.set(keyOf(user), JSON.stringify({ uuid, handle, display_name, read_receipts }));
}

/** Removes the user at sign-out. */
export function removeMe(store: Store, user: string): void {
  store.remove(keyOf(user));
}

function keyOf(user: string): string {
  return `cruddur.me.${user}`;
}
