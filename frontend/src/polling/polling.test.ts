import { QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { newQueryClient } from '../api/query-client.ts';
import { backOff } from './back-off.ts';
import { isTroubled, POLL, pollInterval } from './poll.ts';

describe('the back-off', () => {
  test('doubles up to a minute', () => {
    expect([1, 2, 3, 7, 50].map((attempt) => backOff(attempt, 1))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
  });

  test('is half random', () => {
    expect([backOff(3, 0), backOff(3, 0.5), backOff(3, 1)]).toEqual([2000, 3000, 4000]);
  });
});

/** The interval after failures in a row, the last of them at `at`. */
const interval = (failures: number, error = new ApiError(0), at = 500) =>
  pollInterval({ state: { error, errorUpdateCount: failures, errorUpdatedAt: at } });

describe('the poll interval', () => {
  test('is three seconds on a visible page and a minute on a hidden one', () => {
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('visible');
    expect(interval(0)).toBe(3000);
    visibility.mockReturnValue('hidden');
    expect([interval(0), interval(1)]).toEqual([60_000, 60_000]);
  });

  test('doubles with each failure up to a minute, and half of it is random', () => {
    expect([1, 2, 3, 4, 5, 6].map((failures) => interval(failures))).toEqual([4500, 9000, 18_000, 36_000, 45_000, 45_000]);
    expect([interval(3, undefined, 7000), interval(3, undefined, 7250)]).toEqual([12_000, 15_000]);
  });

  test('is at least what the server asks for', () => {
    expect(interval(1, new ApiError(503, [], 20))).toBe(20_000);
  });

  test.each([0, -5, 3600, 2_147_484, 1e300, Number.POSITIVE_INFINITY, Number.NaN])(
    'stays between three seconds and a minute if the server asks for %d seconds',
    (seconds) => {
      expect(interval(1, new ApiError(503, [], seconds), 0)).toBe(seconds >= 60 ? 60_000 : 3000);
    },
  );
});

describe('a polled query', () => {
  let respond: () => Promise<number>;
  const client = newQueryClient();
  const cache = client.getQueryCache();
  const poll = new QueryObserver(client, { queryKey: ['poll'], queryFn: () => respond(), ...POLL });
  let unsubscribe: () => void;

  beforeEach(async () => {
    respond = () => Promise.reject(new ApiError(503));
    unsubscribe = poll.subscribe(() => undefined);
    await poll.refetch();
  });

  afterEach(() => {
    unsubscribe();
    client.clear();
  });

  const failures = () => cache.find({ queryKey: ['poll'] })?.state.errorUpdateCount;

  test('is in trouble after the second failure in a row', async () => {
    expect([failures(), isTroubled(cache)]).toEqual([1, false]);
    await poll.refetch();
    expect([failures(), isTroubled(cache)]).toEqual([2, true]);
  });

  test('counts its failures from zero after a success', async () => {
    respond = () => Promise.resolve(1);
    await poll.refetch();
    expect(failures()).toBe(0);
  });

  test('keeps its count while a page of older rows is added', () => {
    client.setQueryData(['poll'], 1);
    expect(failures()).toBe(1);
  });

  test('counts its failures from zero after its last component is gone', () => {
    unsubscribe();
    expect(failures()).toBe(0);
  });
});
