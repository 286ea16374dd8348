/**
 * The cursor of a `Link` header's `rel="next"`, which `parameter` names. Returns null if there is none.
 *
 * Ignores the rest of the address: a response must not choose the server that gets the next request and its token.
 */
export function nextCursor(link: string | null, parameter: string): string | null {
  for (const [, target, parameters] of (link ?? '').matchAll(/<([^>]*)>([^,<]*)/g)) {
    if (target === undefined || !/;\s*rel="?next"?\s*(;|$)/i.test(parameters ?? '')) {
      continue;
    }
    const query = target.split('?', 2)[1];
    const cursor = new URLSearchParams(query ?? '').get(parameter);
    if (cursor) {
      return cursor;
    }
  }
  return null;
}
