import { expect, test } from 'vitest';
import { folded, placesOf, wordMatcher } from './matching.ts';

test.each([
  ['zoë', 'Zoe Åström', true],
  ['astrom z', 'Zoe Åström', true],
  ['strom', 'Zoe Åström', false],
  ["o'br", "Seán O'Brien", true],
  ['brien', "Seán O'Brien", true],
  ['soren', 'Søren', true],
  ['احمد', 'أحمد البنّا', true],
  ['بنا', 'أحمد البنّا', true],
  ['فاطمه', 'فَاطِمَة', true],
  ['حمد', 'أحمد البنّا', false],
  ['c++ (', 'C++ (team)', true],
  ['कि', 'कु', false],
  [' ', 'Anyone', false],
])('%j finds %j: %j', (query, name, isFound) => {
  expect(wordMatcher(query)(folded(name))).toBe(isFound);
});

test.each([
  ['cafe', 'Café, CAFÉ?', ['Café', 'CAFÉ']],
  ['e', 'e\u0301a😀e', ['e\u0301', 'e']],
  ['strasse', 'Straße', ['Straße']],
  ['سلام', 'السَّلام عليكم', ['سَّلام']],
  ['', 'text', []],
])('%j is marked in %j', (query, text, marked) => {
  expect(placesOf(folded(query), text).map(([start, end]) => text.slice(start, end))).toEqual(marked);
});
