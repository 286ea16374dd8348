import { describe, expect, test } from 'vitest';
import { ApiError, codesOf, retryAfterOf } from './api-error.ts';
import { CODE_TEXTS, isCode } from './code-texts.ts';
import { explain } from './error-texts.ts';

describe('error texts', () => {
  test('every code has a sentence of its own', () => {
    const texts = Object.values(CODE_TEXTS);
    expect(texts.filter((text) => !/^[A-Z].*\.$/.test(text))).toEqual([]);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('all codes of an answer are told', () => {
    const error = new ApiError(422, ['user_reciever_handle_blank', 'message_blank']);
    expect(explain(error)).toBe('Say to whom this message goes. A message needs some text.');
  });

  test('the gateway is told by its status', () => {
    expect(explain(new ApiError(429))).toBe('Too many requests in a short time. Wait a moment.');
    expect(explain(new ApiError(503))).toBe('The server is not available at the moment.');
    expect(explain(new ApiError(0))).toBe("The server can't be reached.");
    expect(explain(new ApiError(418))).toBe('The server answered with an error (418).');
  });

  test('names that every object has are no codes', () => {
    expect(isCode('constructor')).toBe(false);
    expect(codesOf(['constructor', 'message_blank', 7])).toEqual(['message_blank']);
  });

  test("the gateway's form has no codes", () => {
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
  ])('after %i trying again may help: %j', (status, passes) => {
    expect(new ApiError(status).passes).toBe(passes);
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
