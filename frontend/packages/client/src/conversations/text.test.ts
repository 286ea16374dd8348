import { describe, expect, test } from 'vitest';
import { charactersLeft, directionOf, isBlank, isSendable, scalars, wellFormed } from './text.ts';

describe('the length of a message', () => {
  test.each([
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 2],
    ['🎉', 1],
    ['👨‍👩‍👧', 5],
    ['\u{D83C}', 1],
  ])('%j has %i', (text, count) => {
    expect(scalars(text)).toBe(count);
  });

  test('is at most 1024, however many bytes the characters have', () => {
    expect(isSendable('🎉'.repeat(1024))).toBe(true);
    expect(isSendable(`${'🎉'.repeat(1024)}x`)).toBe(false);
  });
});

describe('white space', () => {
  // U+0085 and U+1680 are white space. U+FEFF and U+200B are not, although `trim` removes the first.
  test.each([
    ['', true],
    [' \n\t', true],
    ['\u0085\u1680\u2003\u3000', true],
    ['\uFEFF', false],
    ['\u200B', false],
    [' a ', false],
  ])('%j is blank: %j', (text, blank) => {
    expect(isBlank(text)).toBe(blank);
  });
});

test.each([
  ['x', 'auto'],
  ['x'.repeat(5000), 'ltr'],
  [`12. ${'ש'.repeat(5000)}`, 'rtl'],
  [`12. x${'ש'.repeat(5000)}`, 'ltr'],
])('the direction of %.9s… is %s', (text, direction) => {
  expect(directionOf(text)).toBe(direction);
});

test.each([
  ['🎉'.repeat(1024), 0],
  ['🎉'.repeat(1026), -2],
  ['x'.repeat(1_000_000), -998_976],
])('%.9s… leaves %i characters', (text, left) => {
  expect([charactersLeft(text), isSendable(text)]).toEqual([left, left >= 0]);
});

test('unpaired surrogates are replaced, pairs are not', () => {
  expect(wellFormed('a\uD83Cb🎉\uDF89')).toBe('a\uFFFDb🎉\uFFFD');
});
