import { ApiError } from '../api/api-error.ts';
import type { MessagesClient } from '../client.ts';
import { type Connectivity, retryDelay } from '../sync/connectivity.ts';

/** Whether a later request may succeed, after a new sign-in at the latest. */
function isTemporary(error: unknown): boolean {
  return error instanceof ApiError && (error.isTransient || error.status === 401);
}

/**
 * Makes a request, and again after temporary failures, at once when the network is back. Rejects with any other failure, and
 * with a temporary one when the request is no longer wanted.
 */
export async function repeat<Value>(
  client: MessagesClient,
  request: () => Promise<Value>,
  isWanted: (failures: number, error: unknown) => boolean,
): Promise<Value> {
  const { connectivity } = client;
  for (let failures = 1; ; failures += 1) {
    try {
      if (connectivity.isPaused) {
        throw new ApiError(401);
      }
      // Each attempt begins after the one before it.
      // oxlint-disable-next-line no-await-in-loop
      return await request();
    } catch (error) {
      if (client.isClosed || !isTemporary(error) || !isWanted(failures, error)) {
        throw error;
      }
      // oxlint-disable-next-line no-await-in-loop
      await pause(connectivity, failures, error);
    }
  }
}

/** Waits for the next attempt, or until the network is back. */
async function pause(connectivity: Connectivity, failures: number, error: unknown): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(end, retryDelay(connectivity.isVisible, failures, error, Math.random()));
    const requester = { failures, wake: end, reschedule: () => undefined };
    function end(): void {
      clearTimeout(timer);
      connectivity.remove(requester);
      resolve();
    }
    connectivity.add(requester);
  });
}
