import { expect, test } from 'vitest';
import { uuidOfPair } from './uuid-of-pair.ts';

test('the uuid of a pair is the one that the API computes', async () => {
  const [a, b] = ['0195b5a0-0000-7000-8000-000000000001', '0195b5a0-0000-7000-8000-000000000002'];
  expect(await uuidOfPair(a, b)).toBe('4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5');
  expect(await uuidOfPair(b, a)).toBe('4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5');
});
