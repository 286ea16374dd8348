import { expect, test } from 'vitest';
import { handleMismatch } from './handle-mismatch.ts';

test.each([
  ['sam', 'sam', null],
  ['@Sam', 'sam', null],
  ['', 'user-5a1e0000', { kind: 'missing' }],
  [' \u200B', 'user-5a1e0000', { kind: 'missing' }],
  ['Sam Lee', 'user-5a1e0000', { kind: 'malformed', asked: 'Sam Lee' }],
  ['José', 'user-5a1e0000', { kind: 'malformed', asked: 'José' }],
  ['@sam', 'user-5a1e0000', { kind: 'taken', asked: 'sam' }],
  ['sunyoung', 'sunny', { kind: 'changed', asked: 'sunyoung' }],
])('requested %j, has %j: %j', (asked, handle, mismatch) => {
  expect(handleMismatch(asked, handle)).toEqual(mismatch);
});
