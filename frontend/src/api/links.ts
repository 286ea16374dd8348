/**
 * The cursor of a `Link` header's `rel="next"`, null when there is none.
 *
 * Only the cursor is taken: which server is asked, with a token in the request, is nothing an answer may decide.
 */
export function nextCursor(link: string | null): string | null {
  for (const [, target, parameters] of (link ?? '').matchAll(/<([^>]*)>([^,<]*)/g)) {
    if (target === undefined || !/;\s*rel="?next"?\s*(;|$)/i.test(parameters ?? '')) {
      continue;
    }
    const query = target.split('?', 2)[1];
    const cursor = new URLSearchParams(query ?? '').get('cursor');
    if (cursor) {
      return cursor;
    }
  }
  return null;
}
