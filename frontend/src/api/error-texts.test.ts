import { describe, expect, test } from 'vitest';
import { ApiError, codesOf, retryAfterOf } from './api-error.ts';
import { CODE_TEXTS, isCode } from './code-texts.ts';
import { explain } from './error-texts.ts';

describe('error texts', () => {
  test('every code has its own sentence', () => {
    const texts = Object.values(CODE_TEXTS);
    expect(texts.filter((text) => !/^[A-Z].*\.$/.test(text))).toEqual([]);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('every code of a response is explained', () => {
    const error = new ApiError(422, ['user_reciever_handle_blank', 'message_blank']);
    expect(explain(error)).toBe('This message needs a recipient. A message needs some text.');
  });

  test('a response without codes is explained by its status', () => {
    expect(explain(new ApiError(429))).toBe('Too many requests in a short time. Wait a moment.');
    expect(explain(new ApiError(503))).toBe('The server is not available at the moment.');
    expect(explain(new ApiError(0))).toBe("The server can't be reached.");
    expect(explain(new ApiError(418))).toBe('The server answered with an error (418).');
  });

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
