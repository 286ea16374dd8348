import { ApiError } from '../api/api-error.ts';
import { parsed, texts } from '../api/api.ts';
import type { Device } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { deviceKey } from '../storage/stored-position.ts';
import { repeat } from './repeat.ts';

/** The attempts of a request: the person waits for the outcome. */
const ATTEMPTS = 4;

/** The devices on which the signed-in user has the app open, the latest first. Rejects with an `ApiError`. */
export async function listDevices(client: MessagesClient): Promise<Device[]> {
  const list = async () => await parsed(await client.api.signed('/api/me/devices'), isDevices);
  return await repeat(client, list, (failures) => isWaiting(client, failures));
}

/** Ends all sign-ins of the signed-in user, this one included. Rejects with an `ApiError`. */
export async function signOutEverywhere(client: MessagesClient): Promise<void> {
  let isRepeated = false;
  const end = async () => {
    try {
      await client.api.signed('/api/me/devices', { method: 'DELETE' });
    } catch (error) {
      // The request before this one has ended the sign-in, but its response was lost.
      if (!isRepeated || !isUnauthenticated(error)) {
        isRepeated = true;
        throw error;
      }
    }
  };
  await repeat(client, end, (failures) => isWaiting(client, failures));
}

/** The uuid by which `listDevices` lists this browser. Returns null if the store has none: each tab has its own then. */
export function ownDevice({ store, user }: MessagesClient): string | null {
  return store.get(deviceKey(user));
}

/** Whether to try again. After the end of the session, no attempt succeeds. */
function isWaiting({ connectivity }: MessagesClient, failures: number): boolean {
  return failures < ATTEMPTS && !connectivity.isPaused;
}

function isUnauthenticated(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}

const isDevice = texts<Device>('device_uuid', 'connected_at');

function isDevices(value: unknown): value is Device[] {
  return Array.isArray(value) && value.every(isDevice);
}
