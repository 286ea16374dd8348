import type { User } from '../api/types.ts';
import { local } from '../storage/local.ts';

/** The user of a `sub`, as last stored on this device. Returns null if none is stored. */
export function storedMe(sub: string): User | null {
  try {
    const value: unknown = JSON.parse(local.get(keyOf(sub)) ?? 'null');
    const { uuid, handle, display_name: name } = { ...(value as Partial<User> | null) };
    return typeof uuid === 'string' && typeof handle === 'string' && typeof name === 'string'
      ? { uuid, handle, display_name: name }
      : null;
  } catch {
    return null;
  }
}

export function storeMe(sub: string, { uuid, handle, display_name }: User): void {
  local.set(keyOf(sub), JSON.stringify({ uuid, handle, display_name }));
}

/** Removes the user at sign-out. */
export function removeMe(sub: string): void {
  local.remove(keyOf(sub));
}

function keyOf(sub: string): string {
  return `cruddur.me.${sub}`;
}
