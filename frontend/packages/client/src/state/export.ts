import { ApiError } from '../api/api-error.ts';
import { nextCursor } from '../api/links.ts';
import type { MessagesClient } from '../client.ts';
import { repeat } from './repeat.ts';

/** The attempts to read a page: the person waits for the outcome. */
const ATTEMPTS = 4;

/** Reads everything that the API shows the signed-in user: pages of JSON lines. Rejects with an `ApiError`. */
export async function* exportOf(client: MessagesClient): AsyncGenerator<string, void> {
  let cursor: string | null = null;
  do {
    const path: string = cursor === null ? '/api/me/export' : `/api/me/export?${new URLSearchParams({ cursor })}`;
    const read = async () => {
      const response = await client.api.signed(path);
      const lines = await response.text().catch(() => {
        throw new ApiError(0);
      });
      return { lines, next: nextCursor(response.headers.get('Link'), 'cursor') };
    };
    // Each page has the cursor of the next one.
    // oxlint-disable-next-line no-await-in-loop
    const page = await repeat(client, read, (failures) => failures < ATTEMPTS);
    yield page.lines;
    cursor = page.next;
  } while (cursor !== null);
}
