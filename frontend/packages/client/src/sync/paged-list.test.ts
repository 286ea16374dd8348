import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { Connectivity } from './connectivity.ts';
import { PagedList } from './paged-list.ts';

interface Row {
  uuid: string;
  version: number;
}

const row = (number: number, version = 1): Row => ({ uuid: String(number), version });

/** The rows on the server, oldest first. Pages have two rows. */
let stored: Row[];
let isReachable: boolean;
let list: PagedList<Row>;
let unsubscribe: () => void;

beforeEach(async () => {
  vi.useFakeTimers();
  stored = [1, 2, 3].map((number) => row(number));
  isReachable = true;
  list = new PagedList<Row>(new Connectivity(), {
    load: (cursor) => {
      const end = cursor === null ? stored.length : Number(cursor);
      const start = Math.max(0, end - 2);
      const page = { rows: stored.slice(start, end), next: start === 0 ? null : String(start) };
      return isReachable ? Promise.resolve(page) : Promise.reject(new ApiError(0));
    },
    merge,
    reachesKnown: (page, known) => Number(page[0]?.uuid ?? 0) <= Number(known.at(-1)?.uuid ?? Number.POSITIVE_INFINITY),
    keepsRowsAcrossGap: false,
  });
  unsubscribe = list.subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  unsubscribe();
  vi.useRealTimers();
});

const rows = () => list.state().value?.rows.map(({ uuid }) => Number(uuid));

/** Each row with its greatest version, oldest first. */
function merge(known: readonly Row[], fresh: readonly Row[]): readonly Row[] {
  const merged = new Map<string, Row>();
  for (const added of [...known, ...fresh]) {
    if ((merged.get(added.uuid)?.version ?? 0) <= added.version) {
      merged.set(added.uuid, added);
    }
  }
  return [...merged.values()].toSorted((a, b) => Number(a.uuid) - Number(b.uuid));
}

test('the first page is loaded, then those before it', async () => {
  expect(rows()).toEqual([2, 3]);
  await list.loadMore();
  expect(rows()).toEqual([1, 2, 3]);
});

test('rows that are added before the missing ones are loaded do not hide these', async () => {
  isReachable = false;
  stored.push(row(4), row(5), row(6), row(7));
  await list.invalidate();
  stored.push(row(8));
  list.add([row(8)]);
  await list.invalidate();
  stored.push(row(9));
  list.add([row(9)]);
  isReachable = true;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rows()).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
});

test('rows that are added while the missing ones are loaded do not hide others', async () => {
  const loading = list.refresh();
  stored.push(row(4), row(5), row(6), row(7));
  const again = list.invalidate();
  stored.push(row(8));
  list.add([row(8)]);
  await loading;
  expect(rows()).toEqual([2, 3, 8]);
  await again;
  expect(rows()).toEqual([2, 3, 4, 5, 6, 7, 8]);
});

test('a row before the loaded part comes with its page', async () => {
  list.add([row(1)]);
  expect(rows()).toEqual([2, 3]);
  await list.loadMore();
  list.add([row(0)]);
  expect(rows()).toEqual([0, 1, 2, 3]);
});

test('the oldest loaded row gets its new version', async () => {
  list.add([row(2, 2)]);
  expect(list.state().value?.rows).toEqual([row(2, 2), row(3)]);
});

test('rows that were added during a request for an older page replace its rows', async () => {
  const loading = list.loadMore();
  list.add([row(1, 2)]);
  await loading;
  expect(list.state().value?.rows[0]).toEqual(row(1, 2));
});

test('a reset drops rows that are not among the newest ones', async () => {
  await list.loadMore();
  expect([list.cursorOf('1'), list.cursorOf('3')]).toEqual(['1', null]);
  list.reset();
  await vi.advanceTimersByTimeAsync(0);
  expect(rows()).toEqual([2, 3]);
});

function withStored(load: () => Promise<{ rows: Row[]; next: null }>): PagedList<Row> {
  const stale = new PagedList<Row>(new Connectivity(), {
    stored: { rows: [row(1), row(2)], next: '' },
    load,
    merge,
    reachesKnown: () => true,
    keepsRowsAcrossGap: true,
  });
  unsubscribe();
  unsubscribe = stale.subscribe(() => undefined);
  return stale;
}

describe('stored rows', () => {
  test('are replaced by the first page, also where rows would be merged', async () => {
    const stale = withStored(() => Promise.resolve({ rows: [row(2)], next: null }));
    expect(stale.state()).toMatchObject({ value: { rows: [row(1), row(2)] }, isStored: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(stale.state()).toMatchObject({ value: { rows: [row(2)], next: null }, isStored: false });
  });

  test('stay while the API is unreachable, and have no further page', async () => {
    let requests = 0;
    const stale = withStored(() => {
      requests += 1;
      return Promise.reject(new ApiError(0));
    });
    await vi.advanceTimersByTimeAsync(0);
    await stale.loadMore();
    expect(stale.state()).toMatchObject({ value: { rows: [row(1), row(2)] }, moreError: new ApiError(0), isStored: true });
    // Its own attempt, and that of the first page before it.
    expect(requests).toBe(3);
  });

  test('are dropped if the API refuses them', async () => {
    const stale = withStored(() => Promise.reject(new ApiError(404)));
    await vi.advanceTimersByTimeAsync(0);
    expect(stale.state()).toMatchObject({ value: undefined, isStored: false });
  });
});

test('an error that is no failed request is reported as a fault, and requested again like one', async () => {
  const connectivity = new Connectivity();
  const faults: unknown[] = [];
  connectivity.onFault = (error) => faults.push(error);
  const bug = new TypeError('a bug');
  const errors = [bug, new ApiError(503), new ApiError(503)];
  const load = () => Promise.reject(errors.shift() ?? new ApiError(0));
  const broken = new PagedList<Row>(connectivity, { load, merge, reachesKnown: () => true, keepsRowsAcrossGap: true });
  unsubscribe();
  unsubscribe = broken.subscribe(() => undefined);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(errors.length).toBeLessThan(2);
  expect(faults).toEqual([bug]);
});
