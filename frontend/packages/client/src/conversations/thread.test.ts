import { describe, expect, test } from 'vitest';
import type { Message } from '../api/types.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { isListed, mergeMessages, reachesKnown } from './thread.ts';

function message(number: number, at: number): Message {
  return {
    uuid: uuid(number),
    user_uuid: uuid(100),
    handle: 'lore',
    display_name: 'Lore',
    message: `${number}`,
    created_at: instant(at),
  };
}

const numbers = (messages: readonly Message[]) => messages.map(({ message: text }) => Number(text));

describe('merging messages', () => {
  test('orders known, older and newer messages, each once', () => {
    const known = [message(3, 30), message(4, 40)];
    const fresh = [message(1, 10), message(4, 40), message(5, 50), message(2, 20)];
    expect(numbers(mergeMessages(known, fresh))).toEqual([1, 2, 3, 4, 5]);
  });

  test('compares microseconds', () => {
    const early = { ...message(1, 0), created_at: '2026-01-01T00:00:00.000001Z' };
    const late = { ...message(2, 0), created_at: '2026-01-01T00:00:00.000002Z' };
    expect(numbers(mergeMessages([late], [early]))).toEqual([1, 2]);
  });

  test('orders messages with the same time by their uuids', () => {
    expect(numbers(mergeMessages([message(2, 10)], [message(1, 10)]))).toEqual([1, 2]);
  });

  test('changes nothing if all are known', () => {
    const known = [message(1, 10), message(2, 20), message(3, 30)];
    expect(mergeMessages(known, [message(2, 20), message(3, 30)])).toBe(known);
  });

  test('keeps the messages that are the same', () => {
    const known = [message(1, 10), message(2, 20)];
    const merged = mergeMessages(known, [{ ...message(1, 10), display_name: 'New Name' }, message(2, 20)]);
    expect([merged[0]?.display_name, merged[1] === known[1]]).toEqual(['New Name', true]);
  });

  test('inserts a message that became visible late', () => {
    expect(numbers(mergeMessages([message(1, 10), message(3, 30)], [message(2, 20), message(3, 30)]))).toEqual([1, 2, 3]);
  });
});

describe('merging images of a message', () => {
  const first = message(1, 10);
  const edited = { ...first, message: 'edited', version: 2, edited_at: instant(20) };
  const gone = { ...first, message: '', version: 3, deleted_at: instant(30) };

  test.each([
    ['a later version', first, edited],
    ['a later version after an edit with a wrong clock', edited, { ...edited, version: 3, edited_at: instant(15) }],
    ['a deletion, whatever its version', { ...edited, version: 9 }, gone],
    ['a later edit without versions', { ...first, edited_at: instant(20) }, { ...first, edited_at: instant(21) }],
  ])('keeps %s, in any order', (_, older, newer) => {
    expect(mergeMessages([older], [newer])).toEqual([newer]);
    expect(mergeMessages([newer], [older])).toEqual([newer]);
    expect(mergeMessages([], [newer, older])).toEqual([newer]);
    expect(mergeMessages([], [older, newer])).toEqual([newer]);
  });

  test('keeps the quote if a frame has only the reference, but not a deleted text', () => {
    const to = { uuid: uuid(9), created_at: instant(9) };
    const quoting = { ...first, reply_to: { ...to, user_uuid: uuid(100), message: 'quoted' } };
    const withReference = { ...first, reply_to: to };
    const withoutText = { ...first, reply_to: { ...to, user_uuid: uuid(100) } };
    expect(mergeMessages([withReference], [quoting])).toEqual([quoting]);
    expect(mergeMessages([quoting], [withReference])).toEqual([quoting]);
    expect(mergeMessages([quoting], [withoutText])).toEqual([withoutText]);
    expect(mergeMessages([withoutText], [quoting])).toEqual([withoutText]);
  });
});

describe('a page reaches the known messages', () => {
  const known = [message(1, 10), message(2, 20)];

  test('if it has the newest known message', () => {
    expect(reachesKnown([message(2, 20), message(3, 30)], known)).toBe(true);
  });

  test('but not if messages in between may be missing', () => {
    expect(reachesKnown([message(4, 40), message(5, 50)], known)).toBe(false);
  });

  test('if there are none', () => {
    expect(reachesKnown([message(4, 40)], [])).toBe(true);
  });
});

test.each([
  [1, '10', true],
  [1, null, false],
  [2, '10', true],
  [4, null, true],
  [5, '10', false],
])('message %d is listed in 2 and 4 with the next page %s: %s', (number, next, expected) => {
  expect(isListed({ rows: [message(2, 20), message(4, 40)], next }, message(number, 10 * number))).toBe(expected);
});
