import type { MessagesClient } from '../client.ts';
import { repeat } from './repeat.ts';

/** The attempts of a request: the person waits for the outcome. */
const ATTEMPTS = 4;

/** Erases the account of the signed-in user, with all messages. Rejects with an `ApiError`. */
export async function eraseAccount(client: MessagesClient): Promise<void> {
  // A repeated request changes nothing.
  await repeat(client, () => client.api.signed('/api/me', { method: 'DELETE' }), (failures) => failures < ATTEMPTS);
}
