import { expect, test } from 'vitest';
import { nextCursor } from './links.ts';

test.each([
  ['</api/messages/x?limit=20&cursor=abc>; rel="next"', 'abc'],
  ['</first?cursor=no>; rel="first", </api?cursor=yes>; rel=next', 'yes'],
  ['</api?cursor=a%2Bb>; title="t"; rel="next"', 'a+b'],
  ['</api?limit=20>; rel="next"', null],
  ['</api?cursor=abc>; rel="prev"', null],
  ['', null],
  [null, null],
])('the next cursor of %j is %j', (link, cursor) => {
  expect(nextCursor(link, 'cursor')).toBe(cursor);
});

test('a cursor can have another name', () => {
  expect(nextCursor('</api/events?after=abc&limit=100>; rel="next"', 'after')).toBe('abc');
});
