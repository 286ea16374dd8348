import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { Connectivity } from './connectivity.ts';
import { PagedList } from './paged-list.ts';

/** The rows on the server, oldest first. Pages have two rows. */
let stored: number[];
let isReachable: boolean;
let list: PagedList<number>;
let unsubscribe: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  stored = [1, 2, 3];
  isReachable = true;
  list = new PagedList<number>(new Connectivity(), {
    load: (cursor) => {
      const end = cursor === null ? stored.length : Number(cursor);
      const start = Math.max(0, end - 2);
      const page = { rows: stored.slice(start, end), next: start === 0 ? null : String(start) };
      return isReachable ? Promise.resolve(page) : Promise.reject(new ApiError(0));
    },
    merge: (known, fresh) => [...new Set([...known, ...fresh])].toSorted((a, b) => a - b),
    reachesKnown: (page, known) => (page[0] ?? 0) <= (known.at(-1) ?? Number.POSITIVE_INFINITY),
    keepsRowsAcrossGap: false,
  });
  unsubscribe = list.subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  unsubscribe();
  vi.useRealTimers();
});

const rows = () => list.state().value?.rows;

test('the first page is loaded, then those before it', async () => {
  expect(rows()).toEqual([2, 3]);
  await list.loadMore();
  expect(rows()).toEqual([1, 2, 3]);
});

test('rows that are added before the missing ones are loaded do not hide these', async () => {
  isReachable = false;
  stored.push(4, 5, 6, 7);
  await list.invalidate();
  stored.push(8);
  list.add([8]);
  await list.invalidate();
  stored.push(9);
  list.add([9]);
  isReachable = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rows()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});

test('rows that are added while the missing ones are loaded do not hide others', async () => {
  const loading = list.refresh();
  stored.push(4, 5, 6, 7);
  const again = list.invalidate();
  stored.push(8);
  list.add([8]);
  await loading;
  expect(rows()).toEqual([2, 3, 8]);
  await again;
  expect(rows()).toEqual([2, 3, 4, 5, 6, 7, 8]);
});

test('a row before the loaded part comes with its page', async () => {
  list.add([1]);
  expect(rows()).toEqual([2, 3]);
  await list.loadMore();
  list.add([0]);
  expect(rows()).toEqual([0, 1, 2, 3]);
});
