import type { Page } from './types.ts';

/**
 * Reads pages, newest first, until one reaches the known rows. Stops after ten pages.
 *
 * `joined` is false if no page reached the known rows: rows in between may be missing.
 */
export async function newestRows<Row>(
  load: (cursor: string | null) => Promise<Page<Row>>,
  reaches: (page: readonly Row[]) => boolean,
): Promise<Page<Row> & { joined: boolean }> {
  const rows: Row[] = [];
  let next: string | null = null;
  for (let pages = 0; pages < 10; pages += 1) {
    // Each page has the cursor of the next one.
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
