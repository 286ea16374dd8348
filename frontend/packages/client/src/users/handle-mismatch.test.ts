import { expect, test } from 'vitest';
import { handleMismatch } from './handle-mismatch.ts';

test.each([
  ['sam', 'sam', null],
  ['@Sam', 'sam', null],
  ['', 'user-5a1e0000', { kind: 'missing' }],
  [' \u200B', 'user-5a1e0000', { kind: 'missing' }],
  ['Sam Lee', 'user-5a1e0000', { kind: 'malformed', requested: 'Sam Lee' }],
  ['José', 'user-5a1e0000', { kind: 'malformed', requested: 'José' }],
  ['@sam', 'user-5a1e0000', { kind: 'taken', requested: 'sam' }],
  ['sunyoung', 'sunny', { kind: 'changed', requested: 'sunyoung' }],
])('requested %j, has %j: %j', (requested, handle, mismatch) => {
  expect(handleMismatch(requested, handle)).toEqual(mismatch);
});
