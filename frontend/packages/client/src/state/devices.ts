import { parsed, texts } from '../api/api.ts';
import type { Device } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { deviceKey } from '../storage/stored-position.ts';
import { repeat } from './repeat.ts';

/** The attempts of a request: the person waits for the outcome. */
const ATTEMPTS = 4;

/** The connected devices of the signed-in user, the latest first. Rejects with an `ApiError`. */
export async function listDevices(client: MessagesClient): Promise<Device[]> {
  const list = async () => await parsed(await client.api.signed('/api/me/devices'), isDevices);
  return await repeat(client, list, (failures) => mayRepeat(client, failures));
}

/**
 * Ends all sign-ins of the signed-in user, this one included. Rejects with an `ApiError`. A 401 may also mean that an
 * attempt before has succeeded and its response was lost.
 */
export async function signOutEverywhere(client: MessagesClient): Promise<void> {
  const end = async () => void (await client.api.signed('/api/me/devices', { method: 'DELETE' }));
  await repeat(client, end, (failures) => mayRepeat(client, failures));
}

/** The uuid by which `listDevices` lists this browser. Returns null if the store has none: each tab has its own then. */
export function ownDevice({ store, user }: MessagesClient): string | null {
  return store.get(deviceKey(user));
}

/** After the end of the session, no attempt succeeds. */
function mayRepeat({ connectivity }: MessagesClient, failures: number): boolean {
  return failures < ATTEMPTS && !connectivity.isPaused;
}

const isDevice = texts<Device>('device_uuid', 'connected_at');

function isDevices(value: unknown): value is Device[] {
  return Array.isArray(value) && value.every(isDevice);
}
