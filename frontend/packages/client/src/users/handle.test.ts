import { describe, expect, test } from 'vitest';
import { hue, isHandle, newConversationPath, sameHandle, typedHandle } from './handle.ts';

describe('handles', () => {
  test.each([
    [' @lore ', 'lore'],
    ['lore', 'lore'],
    ['@@lore', '@lore'],
    ['\u200Blore\u2060', 'lore'],
    ['\u2068@lore\u2069', 'lore'],
    ['\u202A@\u200Elore\u202C', 'lore'],
    ['\uFEFFlore', 'lore'],
    ['＠lore', 'lore'],
    ['@lore,', 'lore'],
    ['(@lore)', 'lore'],
    ['“lore”…', 'lore'],
    ['lore.', 'lore.'],
    ['http://127.0.0.1:4567/messages/new/lore', 'lore'],
    ['https://chat.example/base/messages/new/%40Lore?a=b#c', 'Lore'],
    ['/messages/new/lore/', 'lore'],
    ['chat.example/messages/new/@..', '..'],
    ['%40lore', 'lore'],
    ['l%C3%B6re', 'löre'],
    ['50%', '50%'],
    [`${','.repeat(300_000)}lore`, ''],
  ])('%j is parsed as %j', (text, handle) => {
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
  ])('%j is a valid handle: %j', (text, possible) => {
    expect(isHandle(text)).toBe(possible);
  });

  test('are compared without ASCII case', () => {
    expect(sameHandle('Lore', 'lORE')).toBe(true);
    // U+212A, which lower-cases to k.
    expect(sameHandle('\u212Aim', 'kim')).toBe(false);
  });

  test('have a color that does not depend on case', () => {
    expect(hue('Lore')).toBe(hue('lore'));
    expect(hue('lore')).not.toBe(hue('lora'));
  });
});

test.each([
  ['Lore', '/messages/new/lore'],
  ['.', '/messages/new/@.'],
  ['..', '/messages/new/@..'],
  ['...', '/messages/new/...'],
])('a new conversation with %j is at %j', (handle, path) => {
  expect(newConversationPath(handle)).toBe(path);
  const { pathname } = new URL(path, 'http://localhost');
  expect(typedHandle(pathname.split('/').at(-1) ?? '')).toBe(handle.toLowerCase());
});
