import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { backOff } from './back-off.ts';
import { Polled } from './polled.ts';
import { Polling, pollInterval } from './polling.ts';

describe('the back-off', () => {
  test('doubles up to a minute', () => {
    expect([1, 2, 3, 7, 50].map((attempt) => backOff(attempt, 1))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
  });

  test('is half random', () => {
    expect([backOff(3, 0), backOff(3, 0.5), backOff(3, 1)]).toEqual([2000, 3000, 4000]);
  });
});

/** The interval on a visible page after failures in a row. */
const interval = (failures: number, error = new ApiError(0), random = 0.5) => pollInterval(true, failures, error, random);

describe('the poll interval', () => {
  test('is three seconds on a visible page and a minute on a hidden one', () => {
    expect(interval(0)).toBe(3000);
    expect([pollInterval(false, 0, null, 0.5), pollInterval(false, 1, null, 0.5)]).toEqual([60_000, 60_000]);
  });

  test('doubles with each failure up to a minute, and half of it is random', () => {
    expect([1, 2, 3, 4, 5, 6].map((failures) => interval(failures))).toEqual([4500, 9000, 18_000, 36_000, 45_000, 45_000]);
    expect([interval(3, undefined, 0), interval(3, undefined, 0.25)]).toEqual([12_000, 15_000]);
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

describe('a polled value', () => {
  let polling: Polling;
  let poll: Polled<{ n: number }>;
  let requests: number;
  let respond: () => Promise<{ n: number }>;
  let changes: number;
  let unsubscribe: () => void;

  beforeEach(async () => {
    vi.useFakeTimers();
    requests = 0;
    changes = 0;
    respond = () => Promise.resolve({ n: 1 });
    polling = new Polling();
    poll = new Polled(polling, {
      load: () => {
        requests += 1;
        return respond();
      },
      isSame: (a, b) => a.n === b.n,
      random: () => 0,
    });
    unsubscribe = poll.subscribe(() => {
      changes += 1;
    });
    await vi.advanceTimersByTimeAsync(0);
  });

  afterEach(() => {
    unsubscribe();
    vi.useRealTimers();
  });

  const fail = () => {
    respond = () => Promise.reject(new ApiError(503));
  };

  test('is requested every three seconds, and an equal response changes nothing', async () => {
    const before = poll.state();
    await vi.advanceTimersByTimeAsync(9000);
    expect([requests, changes, poll.state() === before]).toEqual([4, 1, true]);
  });

  test('is not requested without subscribers', async () => {
    unsubscribe();
    await vi.advanceTimersByTimeAsync(9000);
    expect(requests).toBe(1);
  });

  test('is requested rarely on a hidden page, and at once when it is visible again', async () => {
    polling.setVisible(false);
    await vi.advanceTimersByTimeAsync(59_000);
    expect(requests).toBe(1);
    polling.setVisible(true);
    expect(requests).toBe(2);
  });

  test('is not requested while the session has ended, and at once when it is open again', async () => {
    polling.setPaused(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(requests).toBe(1);
    polling.setPaused(false);
    expect(requests).toBe(2);
  });

  test('keeps its value when a request fails, and is in trouble after the second failure in a row', async () => {
    fail();
    await poll.refresh();
    expect([poll.state().value, poll.failures, polling.isTroubled()]).toEqual([{ n: 1 }, 1, false]);
    await poll.refresh();
    expect([poll.failures, polling.isTroubled()]).toEqual([2, true]);
  });

  test.each([
    ['a success', () => poll.refresh()],
    ['its last subscriber is gone', () => Promise.resolve(unsubscribe())],
  ])('counts its failures from zero after %s', async (_, end) => {
    fail();
    await poll.refresh();
    await poll.refresh();
    respond = () => Promise.resolve({ n: 1 });
    await end();
    expect([poll.failures, polling.isTroubled()]).toEqual([0, false]);
  });

  test('joins a request in progress, but reloads after it', async () => {
    void poll.refresh();
    void poll.refresh();
    expect(requests).toBe(2);
    await poll.reload();
    expect(requests).toBe(3);
  });
});
