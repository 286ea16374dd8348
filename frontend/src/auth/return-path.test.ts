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
])('after signing in with %j one comes to %s', (state, path) => {
  expect(returnPath(state)).toBe(path);
});
