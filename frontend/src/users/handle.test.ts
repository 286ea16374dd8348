import { describe, expect, test } from 'vitest';
import { hue, initials, isHandle, sameHandle, typedHandle } from './handle.ts';

describe('handles', () => {
  test.each([
    [' @lore ', 'lore'],
    ['lore', 'lore'],
    ['@@lore', '@lore'],
  ])('%j is typed for %j', (text, handle) => {
    expect(typedHandle(text)).toBe(handle);
  });

  test.each([
    ['a', true],
    ['A-b_c.9', true],
    ['a'.repeat(30), true],
    ['a'.repeat(31), false],
    ['', false],
    ['@lore', false],
    ['../users', false],
    ['löre', false],
  ])('%j may be one: %j', (text, possible) => {
    expect(isHandle(text)).toBe(possible);
  });

  test('are compared without case, as ASCII', () => {
    expect(sameHandle('Lore', 'lORE')).toBe(true);
    // U+212A, which lower-cases to k.
    expect(sameHandle('\u212Aim', 'kim')).toBe(false);
  });

  test('have a colour that does not depend on case', () => {
    expect(hue('Lore')).toBe(hue('lore'));
    expect(hue('lore')).not.toBe(hue('lora'));
  });
});

test.each([
  ['Sunyoung Lee', 'SL'],
  ['Maximiliane von Hohenstein', 'MH'],
  ['lore', 'L'],
  ['👨‍👩‍👧 Family', '👨‍👩‍👧F'],
  ['  ', ''],
])('%j has the initials %j', (name, letters) => {
  expect(initials(name)).toBe(letters);
});
