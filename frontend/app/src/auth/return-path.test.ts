import { expect, test } from 'vitest';
import { returnPath } from './return-path.ts';

test.each([
  [{ from: '/messages/new/lore' }, '/messages/new/lore'],
  [{ from: '//evil.example' }, '/messages'],
  [{ from: '/\\evil.example' }, '/messages'],
  [{ from: 'https://evil.example' }, '/messages'],
  [{ from: '/callback' }, '/messages'],
  [{ from: 7 }, '/messages'],
  [undefined, '/messages'],
])('a sign-in with the state %j leads to %s', (state, path) => {
  expect(returnPath(state)).toBe(path);
});
