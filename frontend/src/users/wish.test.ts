import { expect, test } from 'vitest';
import { wishOf } from './wish.ts';

test.each([
  ['sam', 'sam', null],
  ['@Sam', 'sam', null],
  ['', 'user-5a1e0000', { kind: 'missing' }],
  [' \u200B', 'user-5a1e0000', { kind: 'missing' }],
  ['Sam Lee', 'user-5a1e0000', { kind: 'malformed', asked: 'Sam Lee' }],
  ['José', 'user-5a1e0000', { kind: 'malformed', asked: 'José' }],
  ['@sam', 'user-5a1e0000', { kind: 'taken', asked: 'sam' }],
  ['sunyoung', 'sunny', { kind: 'changed', asked: 'sunyoung' }],
])('who asked for %j and is %j: %j', (asked, handle, wish) => {
  expect(wishOf(asked, handle)).toEqual(wish);
});
