import { ApiError } from '@cruddur/client';
import { describe, expect, test } from 'vitest';
import { en } from './catalog.ts';
import { explain } from './explain.ts';
import { createTexts } from './texts.ts';

const texts = createTexts(en, 'en');

describe('error texts', () => {
  test('every code has a sentence', () => {
    const sentences = Object.entries(en).flatMap(([key, text]) => (key.startsWith('code.') ? [text] : []));
    expect(sentences.filter((text) => !/^[A-Z].*\.$/.test(text))).toEqual([]);
  });

  test('every code of a response is explained', () => {
    const error = new ApiError(422, ['user_reciever_handle_blank', 'message_blank']);
    expect(explain(texts, error)).toBe('This message needs a recipient. A message needs some text.');
  });

  test('a response without codes is explained by its status', () => {
    expect(explain(texts, new ApiError(429))).toBe('Too many requests in a short time. Wait a moment.');
    expect(explain(texts, new ApiError(503))).toBe('The server is not available at the moment.');
    expect(explain(texts, new ApiError(0))).toBe("The server can't be reached.");
    expect(explain(texts, new ApiError(418))).toBe('The server answered with an error (418).');
  });
});
