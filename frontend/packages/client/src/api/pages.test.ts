import { expect, test } from 'vitest';
import { newestRows } from './pages.ts';

/** Pages of two: 0 1, 2 3, … */
const load = (cursor: string | null) => {
  const start = Number(cursor ?? 0);
  return Promise.resolve({ rows: [start, start + 1], next: String(start + 2) });
};

test('reads pages until one reaches the known rows', async () => {
  await expect(newestRows(load, (page) => page.includes(5))).resolves.toEqual({
    rows: [0, 1, 2, 3, 4, 5],
    next: '6',
    joined: true,
  });
});

test('reports a gap if the known rows are more than ten pages away', async () => {
  const { rows, joined } = await newestRows(load, () => false);
  expect([rows.length, joined]).toEqual([20, false]);
});

test('reports no gap if there is no next page', async () => {
  const all = await newestRows(
    () => Promise.resolve({ rows: [1], next: null }),
    () => false,
  );
  expect(all.joined).toBe(true);
});
