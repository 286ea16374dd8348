import { describe, expect, test } from 'vitest';
import { initials, plainLine, shownName } from './name.ts';

describe('names are shown', () => {
  test.each([
    ['Sunyoung Lee', 'Sunyoung Lee'],
    ['Bank support \u202Egro.knab', 'Bank support gro.knab'],
    ['a\u2066b\u2069\u200Ec\u061Cd', 'abcd'],
    ['Two\nlines\u2028and\ta tab', 'Two lines and a tab'],
    ['\u0007bell\u009B31m', 'bell 31m'],
    ['tag\u{E0041}ged', 'tagged'],
    ['👨‍👩‍👧 نام‌ها ❤️', '👨‍👩‍👧 نام‌ها ❤️'],
    [`z\u0301\u0301\u0301\u0301${'\u0301'.repeat(200)}o`, 'z\u0301\u0301\u0301\u0301o'],
  ])('%j as %j', (name, text) => {
    expect(shownName(name, 'handle')).toBe(text);
  });

  test.each(['', ' ', '\u200B\u2060', '\u3164', '\u2800', '\u0301', '\u200D', '\u202E'])(
    'as the handle if nothing is visible: %j',
    (name) => {
      expect(shownName(name, 'lore')).toBe('@lore');
    },
  );

  test('without bidirectional controls', () => {
    expect(plainLine('\u2067evil\u202C')).toBe('evil');
  });
});

test.each([
  ['Sunyoung Lee', 'SL'],
  ['Maximiliane von Hohenstein', 'MH'],
  ['lore', 'L'],
  ['محمد علي', 'م\u200Cع'],
  ['👨‍👩‍👧 Family', '👨‍👩‍👧F'],
  ['\u202Elore', 'L'],
  [`a${'\u0301'.repeat(500)}`, 'A\u0301\u0301\u0301\u0301'.normalize('NFD')],
  ['👩'.concat('\u200D👩'.repeat(100)), '👩\u200D'.repeat(6)],
  ['  ', ''],
])('%j has the initials %j', (name, letters) => {
  expect(initials(name)).toBe(letters);
});
