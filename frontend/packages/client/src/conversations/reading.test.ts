import { expect, test } from 'vitest';
import type { Message } from '../api/types.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { firstUnread, lastSeen } from './reading.ts';

const ME = uuid(100);
const OTHER = uuid(101);

function message(number: number, from: string, isDeleted = false): Message {
  const deletion = isDeleted ? { deleted_at: instant(99) } : {};
  return { uuid: uuid(number), user_uuid: from, handle: 'h', display_name: 'N', message: 'text', created_at: instant(number), ...deletion };
}

const messages = [message(1, OTHER), message(2, ME), message(3, OTHER), message(4, OTHER, true), message(5, OTHER), message(6, ME)];

test.each([
  [0, null],
  [1, uuid(5)],
  [2, uuid(3)],
  [100, uuid(1)],
])('of the messages, %d unread begin at %s', (count, expected) => {
  expect(firstUnread(messages, count, ME)).toBe(expected);
});

test.each([
  ['up to a message', uuid(6), uuid(6)],
  ['up to an own message at least', uuid(1), uuid(2)],
  ['messages before those listed', uuid(0), uuid(2)],
])('the other user has read %s', (_, read, expected) => {
  const names = { handle: 'h', display_name: 'N' };
  const members = [{ uuid: ME, ...names }, { uuid: OTHER, ...names, last_read_message_uuid: read, last_read_at: instant(9) }];
  expect(lastSeen(messages, members, ME)).toBe(expected);
});

test('what the other user has read is not shown without receipts', () => {
  const names = { handle: 'h', display_name: 'N' };
  expect(lastSeen(messages, [{ uuid: ME, ...names }, { uuid: OTHER, ...names }], ME)).toBeNull();
});
