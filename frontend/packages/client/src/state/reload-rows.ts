import { newestRows } from '../api/pages.ts';
import type { Message } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import type { PagedList } from '../sync/paged-list.ts';
import { repeat } from './repeat.ts';

/**
 * Loads the pages again that have rows of a conversation, since these have changed. A conversation that no view shows is loaded
 * anew when it is shown.
 */
export async function reloadRows(client: MessagesClient, thread: PagedList<Message>, uuids: readonly string[]): Promise<void> {
  if (!thread.isInUse) {
    thread.reset();
    return;
  }
  const cursors = new Map<string | null, string[]>();
  for (const uuid of uuids) {
    const cursor = thread.cursorOf(uuid);
    cursors.set(cursor, [...(cursors.get(cursor) ?? []), uuid]);
  }
  await Promise.all(
    [...cursors].map(async ([cursor, wanted]) => {
      try {
        await repeat(client, () => reloadPages(thread, cursor, wanted), () => thread.isInUse);
      } catch {
        thread.reset();
      }
    }),
  );
}

async function reloadPages(thread: PagedList<Message>, start: string | null, wanted: readonly string[]): Promise<void> {
  const missing = new Set(wanted);
  const { rows, joined } = await newestRows(
    (cursor) => thread.page(cursor ?? start),
    (page) => {
      for (const { uuid } of page) {
        missing.delete(uuid);
      }
      return missing.size === 0;
    },
  );
  if (joined) {
    thread.add(rows);
  } else {
    thread.reset();
  }
}
