import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { backOff } from './back-off.ts';
import { Connectivity, retryDelay } from './connectivity.ts';
import { Resource } from './resource.ts';

describe('the back-off', () => {
  test('doubles up to a minute', () => {
    expect([1, 2, 3, 7, 50].map((attempt) => backOff(attempt, 1))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
  });

  test('is half random', () => {
    expect([backOff(3, 0), backOff(3, 0.5), backOff(3, 1)]).toEqual([2000, 3000, 4000]);
  });
});

/** The delay on a visible page after failures in a row. */
const delay = (failures: number, error = new ApiError(0), random = 0.5) => retryDelay(true, failures, error, random);

describe('the delay of a retry', () => {
  test('is at least a minute on a hidden page', () => {
    expect(retryDelay(false, 1, null, 0.5)).toBe(60_000);
  });

  test('doubles with each failure up to a minute, and half of it is random', () => {
    expect([1, 2, 3, 4, 5, 6].map((failures) => delay(failures))).toEqual([4500, 9000, 18_000, 36_000, 45_000, 45_000]);
    expect([delay(3, undefined, 0), delay(3, undefined, 0.25)]).toEqual([12_000, 15_000]);
  });

  test('is at least what the server asks for', () => {
    expect(delay(1, new ApiError(503, [], 20))).toBe(20_000);
  });

  test.each([0, -5, 3600, 2_147_484, 1e300, Number.POSITIVE_INFINITY, Number.NaN])(
    'stays between three seconds and a minute if the server asks for %d seconds',
    (seconds) => {
      expect(delay(1, new ApiError(503, [], seconds), 0)).toBe(seconds >= 60 ? 60_000 : 3000);
    },
  );
});

const FRESH_FOR = 60_000;

describe('a resource', () => {
  let connectivity: Connectivity;
  let resource: Resource<{ n: number }>;
  let requests: number;
  let respond: () => Promise<{ n: number }>;
  let changes: number;
  let unsubscribe: () => void;

  beforeEach(async () => {
    vi.useFakeTimers();
    requests = 0;
    changes = 0;
    respond = () => Promise.resolve({ n: 1 });
    connectivity = new Connectivity();
    resource = new Resource(connectivity, {
      load: () => {
        requests += 1;
        return respond();
      },
      isSame: (a, b) => a.n === b.n,
      freshFor: FRESH_FOR,
      random: () => 0,
    });
    unsubscribe = subscribe();
    await vi.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    unsubscribe();
    vi.useRealTimers();
  });

  const subscribe = () =>
    resource.subscribe(() => {
      changes += 1;
    });
  const fail = () => {
    respond = () => Promise.reject(new ApiError(503));
  };

  test('is requested once, and an equal response changes nothing', async () => {
    const before = resource.state();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(requests).toBe(1);
    await resource.refresh();
    expect([requests, changes, resource.state() === before]).toEqual([2, 1, true]);
  });

  test('is requested again when it comes into use and is not fresh', async () => {
    unsubscribe();
    await vi.advanceTimersByTimeAsync(FRESH_FOR - 1);
    unsubscribe = subscribe();
    expect(requests).toBe(1);
    unsubscribe();
    await vi.advanceTimersByTimeAsync(1);
    unsubscribe = subscribe();
    expect(requests).toBe(2);
  });

  test('is requested again when the page is visible again and it is not fresh', async () => {
    connectivity.setVisible(false);
    connectivity.setVisible(true);
    expect(requests).toBe(1);
    await vi.advanceTimersByTimeAsync(FRESH_FOR);
    connectivity.setVisible(true);
    expect(requests).toBe(2);
  });

  test('that changed on the server is requested at once, or when it comes into use', async () => {
    await resource.invalidate();
    expect(requests).toBe(2);
    unsubscribe();
    await resource.invalidate();
    expect(requests).toBe(2);
    unsubscribe = subscribe();
    expect(requests).toBe(3);
  });

  test('is requested again after a failure', async () => {
    fail();
    await resource.refresh();
    await vi.advanceTimersByTimeAsync(2999);
    expect(requests).toBe(2);
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toBe(3);
    unsubscribe();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toBe(3);
  });

  test('is requested rarely on a hidden page, and at once when it is visible again', async () => {
    fail();
    await resource.refresh();
    connectivity.setVisible(false);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(requests).toBe(2);
    connectivity.setVisible(true);
    expect(requests).toBe(3);
  });

  test('is not requested while the session has ended, and at once when it is open again', async () => {
    connectivity.setPaused(true);
    await resource.invalidate();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toBe(1);
    connectivity.setPaused(false);
    expect(requests).toBe(2);
  });

  test('keeps its value when a request fails, and is in trouble after the second failure in a row', async () => {
    fail();
    await resource.refresh();
    expect([resource.state().value, resource.failures, connectivity.isTroubled()]).toEqual([{ n: 1 }, 1, false]);
    await resource.refresh();
    expect([resource.failures, connectivity.isTroubled()]).toEqual([2, true]);
  });

  test.each([
    ['a success', () => resource.refresh()],
    ['its last subscriber is gone', () => Promise.resolve(unsubscribe())],
  ])('counts its failures from zero after %s', async (_, end) => {
    fail();
    await resource.refresh();
    await resource.refresh();
    respond = () => Promise.resolve({ n: 1 });
    await end();
    expect([resource.failures, connectivity.isTroubled()]).toEqual([0, false]);
  });

  test('joins a request in progress, but reloads after it', async () => {
    void resource.refresh();
    void resource.refresh();
    expect(requests).toBe(2);
    await resource.reload();
    expect(requests).toBe(3);
  });

  test('that changes while it is requested is requested again', async () => {
    void resource.refresh();
    await resource.invalidate();
    expect(requests).toBe(3);
  });
});
