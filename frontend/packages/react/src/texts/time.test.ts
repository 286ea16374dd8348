import { dayNumber, millisOf } from '@cruddur/client';
import { describe, expect, test } from 'vitest';
import { en } from './en.ts';
import { dayLabel } from './day-label.ts';
import { clockTime, exactTime, relativeTime } from './formats.ts';
import { createTexts } from './texts.ts';

const TEXTS = createTexts(en, 'en-GB');

const ZONE = 'Europe/Berlin';
const NOW = Date.parse('2026-11-22T14:00:00Z'); // a Sunday, 15:00 in Berlin

describe('relative times', () => {
  test.each([
    ['2026-11-22T14:00:05Z', 'now'],
    ['2026-11-22T13:59:00.001Z', 'now'],
    ['2026-11-22T13:59:00Z', '1 min'],
    ['2026-11-22T13:00:00.001Z', '59 min'],
    ['2026-11-22T13:00:00Z', '14:00'],
    ['2026-11-21T23:00:00Z', '00:00'],
    ['2026-11-21T22:59:59Z', 'Yesterday'],
    ['2026-11-20T23:00:00Z', 'Yesterday'],
    ['2026-11-20T22:59:59Z', 'Friday'],
    ['2026-11-16T12:00:00Z', 'Monday'],
    ['2026-11-15T12:00:00Z', '15 Nov'],
    ['2026-01-27T12:00:00Z', '27 Jan'],
    ['2026-01-26T12:00:00Z', '26 Jan 2026'],
  ])('%s is %s', (at, text) => {
    expect(relativeTime(TEXTS, Date.parse(at), NOW, ZONE)).toBe(text);
  });

  test('a minute before midnight is one minute ago, not yesterday', () => {
    const midnight = Date.parse('2026-11-21T23:00:30Z');
    expect(relativeTime(TEXTS, midnight - 60_000, midnight, ZONE)).toBe('1 min');
  });
});

describe('days', () => {
  test('change at local midnight', () => {
    const late = Date.parse('2026-11-21T23:30:00Z');
    expect(dayNumber(late, 'Europe/Berlin') - dayNumber(late, 'UTC')).toBe(1);
  });

  test('are 24 hours apart even when the clocks change', () => {
    const before = dayNumber(Date.parse('2026-10-24T22:30:00Z'), ZONE);
    expect(dayNumber(Date.parse('2026-10-25T23:30:00Z'), ZONE) - before).toBe(1);
  });

  test.each([
    [0, 'Today'],
    [-1, 'Today'],
    [1, 'Yesterday'],
    [2, 'Friday 20 November'],
    [400, '18 October 2025'],
  ])('%i days ago is %s', (ago, label) => {
    const today = dayNumber(NOW, ZONE);
    // The comma depends on the version of the locale data.
    expect(dayLabel(TEXTS, today - ago, today).replace(',', '')).toBe(label);
  });
});

test('a timestamp with six fractional digits is parsed to the millisecond', () => {
  expect(millisOf('2026-11-22T09:29:00.123456Z')).toBe(Date.parse('2026-11-22T09:29:00.123Z'));
});

test('the exact time has the date and seconds', () => {
  expect(exactTime('en-GB', NOW, ZONE)).toMatch(/^Sunday,? 22 November 2026.* 15:00:00$/);
});

test.each([
  ['en-US', '3:00 PM'],
  ['en-GB', '15:00'],
  ['ar-EG', '٣:٠٠ م'],
])('the time in %s is %s', (locale, time) => {
  // The space depends on the version of the locale data.
  expect(clockTime(locale, NOW, ZONE).replace('\u202F', ' ')).toBe(time);
});
