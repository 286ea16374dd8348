import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import type { ErrorReport } from './reports.ts';

let report: (error: unknown) => ErrorReport[];

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  const reports = await import('./reports.ts');
  report = (error) => {
    const made: ErrorReport[] = [];
    reports.report(error, (each) => made.push(each));
    return made;
  };
});

afterEach(() => {
  vi.useRealTimers();
});

const errorOf = (message: string, stack = '') => Object.assign(new TypeError(message), { stack });

test.each([
  ["Cannot read properties of undefined (reading 'rows')", 'Cannot read properties of undefined (reading …)'],
  ['Unexpected token \'H\', "Hello "dear" @scarlett" is not valid JSON', 'Unexpected token … is not valid JSON'],
  ['no row 0195b5a0-0000-7000-8000-0000000000ff of @scarlett', 'no row … of …'],
  ['Failed to fetch dynamically imported module: https://app.example/assets/live-1a2b.js', 'Failed to fetch dynamically imported module: …'],
  ['bad token eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9', 'bad token …'],
  ['name Zoë Müller', 'name … …'],
  [`${'word '.repeat(100)}`, 'word '.repeat(40)],
])('a report has a message without data: %s', (message, expected) => {
  expect(report(errorOf(message))[0]?.message).toBe(expected);
});

test.each([
  ['V8', 'TypeError: secret\n    at Resource.load (https://a.example/assets/index-1a.js:2:345)\n    at async https://a.example/assets/live-2b.js:6:7', ['Resource.load index-1a.js:2:345', 'live-2b.js:6:7']],
  ['other engines', 'load@https://a.example/assets/index-1a.js:2:345\n@https://a.example/messages/0195b5a0:3:4', ['load index-1a.js:2:345']],
])('a report has the calls of a stack: %s', (_, stack, calls) => {
  expect(report(errorOf('bug', stack))[0]?.stack).toEqual(calls);
});

test('a kind is reported once a minute, and a page makes ten reports', () => {
  expect(report('thrown text')).toEqual([{ kind: 'string', message: '', version: manifest.version, stack: [] }]);
  expect([report(errorOf('a')), report(errorOf('b')), report(new RangeError('c'))].map(({ length }) => length)).toEqual([1, 0, 1]);
  vi.advanceTimersByTime(60_000);
  const later = Array.from({ length: 20 }, () => {
    vi.advanceTimersByTime(60_000);
    return report(errorOf('again')).length;
  });
  expect(later.filter((length) => length === 1)).toHaveLength(7);
});
