import { describe, expect, test } from 'vitest';
import { ApiError, codesOf, retryAfterOf } from './api-error.ts';
import { isCode } from './codes.ts';

describe('an error of the API', () => {
  test('property names of Object.prototype are not codes', () => {
    expect(isCode('constructor')).toBe(false);
    expect(codesOf(['constructor', 'message_blank', 7])).toEqual(['message_blank']);
  });

  test("the gateway's error body has no codes", () => {
    expect(codesOf({ message: 'Not Found' })).toEqual([]);
  });

  test.each([
    [0, true],
    [400, false],
    [403, false],
    [404, false],
    [413, false],
    [422, false],
    [429, true],
    [500, true],
    [502, true],
    [503, true],
    [504, true],
  ])('status %i is transient: %j', (status, isTransient) => {
    expect(new ApiError(status).isTransient).toBe(isTransient);
  });
});

test.each([
  ['7', 7],
  ['Thu, 01 Jan 1970 00:00:10 GMT', 9],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['9'.repeat(400), Number.POSITIVE_INFINITY],
  ['-1', null],
  ['1.5', null],
  ['soon', null],
  [null, null],
])('Retry-After %j is %j seconds', (header, seconds) => {
  expect(retryAfterOf(header, 1000)).toBe(seconds);
});
