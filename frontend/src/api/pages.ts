import type { Page } from './types.ts';

/**
 * The newest rows down to what is known already: as many pages as it takes, at most ten.
 *
 * `joined` is false when even those did not reach it, so that there may be rows between them and what is known.
 */
export async function newestRows<Row>(
  load: (cursor: string | null) => Promise<Page<Row>>,
  reaches: (page: readonly Row[]) => boolean,
): Promise<Page<Row> & { joined: boolean }> {
  const rows: Row[] = [];
  let next: string | null = null;
  for (let pages = 0; pages < 10; pages += 1) {
    // Each page's cursor is in the page before.
    // oxlint-disable-next-line no-await-in-loop
    const page = await load(next);
    rows.push(...page.rows);
    next = page.next;
    if (next === null || reaches(page.rows)) {
      return { rows, next, joined: true };
    }
  }
  return { rows, next, joined: false };
}
