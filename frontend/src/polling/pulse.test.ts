import { describe, expect, test } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { backOff } from './back-off.ts';
import { Pulse } from './pulse.ts';

describe('the back-off', () => {
  test('doubles, up to a minute', () => {
    expect([1, 2, 3, 7, 50].map((attempt) => backOff(attempt, 1))).toEqual([1000, 2000, 4000, 60_000, 60_000]);
  });

  test('is half at random', () => {
    expect([backOff(3, 0), backOff(3, 0.5), backOff(3, 1)]).toEqual([2000, 3000, 4000]);
  });
});

/** One more failure. */
const fail = (pulse: Pulse, error: unknown = new ApiError(0)) =>
  pulse.watch('list', () => Promise.reject(error)).catch(() => undefined);

describe('the pulse of polls', () => {
  test('is three seconds while the page is visible and a minute while it is not', () => {
    const pulse = new Pulse();
    expect([pulse.delay('list', true), pulse.delay('list', false)]).toEqual([3000, 60_000]);
  });

  test('slows down with each failure, to a minute', async () => {
    const pulse = new Pulse(() => 1);
    const delays: number[] = [];
    for (let failures = 0; failures < 6; failures += 1) {
      // oxlint-disable-next-line no-await-in-loop
      await fail(pulse);
      delays.push(pulse.delay('list', true));
    }
    expect(delays).toEqual([6000, 12_000, 24_000, 48_000, 60_000, 60_000]);
  });

  test('does not move while nothing happens', async () => {
    const pulse = new Pulse();
    await fail(pulse);
    expect(pulse.delay('list', true)).toBe(pulse.delay('list', true));
  });

  test('waits as long as the server asks', async () => {
    const pulse = new Pulse(() => 0);
    await fail(pulse, new ApiError(503, [], 20));
    expect(pulse.delay('list', true)).toBe(20_000);
  });

  test.each([0, -5, 3600, 2_147_484, 1e300, Number.POSITIVE_INFINITY, Number.NaN])(
    'neither storms nor sleeps when the server asks for %d seconds',
    async (seconds) => {
      const pulse = new Pulse(() => 0);
      await fail(pulse, new ApiError(503, [], seconds));
      expect(pulse.delay('list', true)).toBe(seconds >= 60 ? 60_000 : 3000);
    },
  );

  test('is as before after a success', async () => {
    const pulse = new Pulse(() => 1);
    await fail(pulse);
    await fail(pulse);
    expect(pulse.troubled()).toBe(true);
    await pulse.watch('list', () => Promise.resolve(1));
    expect([pulse.troubled(), pulse.delay('list', true)]).toEqual([false, 3000]);
  });

  test('is no trouble after one failure', async () => {
    const pulse = new Pulse();
    await fail(pulse);
    expect(pulse.troubled()).toBe(false);
  });
});
