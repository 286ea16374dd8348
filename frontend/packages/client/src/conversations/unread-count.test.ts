import { describe, expect, test } from 'vitest';
import type { Message, MessageGroup } from '../api/types.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { type Occurrence, rowAfter } from './unread-count.ts';

const ME = uuid(100);
const OTHER = uuid(101);
const names = { handle: 'lore', display_name: 'Lore' };

function message(number: number, from = OTHER, more: Partial<Message> = {}): Message {
  return { uuid: uuid(number), user_uuid: from, ...names, message: `${number}`, created_at: instant(number), ...more };
}

function group(newest: number, unread?: number): MessageGroup {
  const row = { uuid: uuid(500), user_uuid: OTHER, ...names, message: `${newest}`, created_at: instant(newest) };
  return { ...row, ...(unread !== undefined && { unread_count: unread }) };
}

function read(number: number, at: number) {
  return { last_read_message_uuid: uuid(number), last_read_at: instant(at) };
}

/** The number of unread messages; null if the group has to be loaded. */
function after(known: MessageGroup | undefined, occurrence: Partial<Omit<Occurrence, 'batch'>> & { batch?: Message[] }): number | null | undefined {
  const { batch = [], ...rest } = occurrence;
  const nothing = { row: undefined, listed: [], messages: [], changed: [], read: undefined };
  const row = rowAfter({ ...nothing, known, ...rest, batch: new Map(batch.map((each) => [each.uuid, each])) });
  return row === null ? null : row?.unread_count;
}

describe('the number of unread messages after new messages', () => {
  test.each([
    ['grows with those of the other user', [message(5), message(6)], 4],
    ['starts after the last own one', [message(5), message(6, ME), message(7)], 1],
    ['does not count what is known', [message(4), message(5)], 3],
    ['does not count deleted ones', [message(5, OTHER, { deleted_at: instant(6) })], 2],
  ])('%s', (_, batch, expected) => {
    const listed = [message(3), message(4)];
    const messages = batch.map((each) => each.uuid);
    expect(after(group(4, 2), { row: group(7), listed, batch, messages })).toBe(expected);
  });

  test('has those that are listed and not embedded, and not what is deleted in the list', () => {
    const listed = [message(4), message(5), message(6, OTHER, { deleted_at: instant(7), version: 2 })];
    const batch = [message(6), message(7)];
    expect(after(group(4, 2), { row: group(7), listed, batch, messages: [uuid(5), uuid(6), uuid(7)] })).toBe(4);
  });

  test('has to be loaded if one came late, is not embedded, or belongs to an unknown conversation', () => {
    const [batch, messages] = [[message(3)], [uuid(3)]];
    expect(after(group(4, 2), { row: group(4), batch, messages })).toBeNull();
    expect(after(group(4, 2), { row: group(5), messages: [uuid(5)] })).toBeNull();
    expect(after(undefined, { row: group(3), batch, messages })).toBeNull();
  });

  test('of an unknown conversation is 0 after an own message', () => {
    expect(after(undefined, { row: group(3), batch: [message(3, ME)], messages: [uuid(3)] })).toBe(0);
  });

  test('is capped', () => {
    expect(after(group(4, 100), { row: group(5), batch: [message(5)], messages: [uuid(5)] })).toBe(100);
  });
});

describe('the number of unread messages after a reading', () => {
  const listed = [message(1), message(2), message(3, ME), message(4), message(5)];

  test.each([
    ['counts those after it', read(4, 9), 1],
    ['starts after an own message that was sent later', read(1, 2), 2],
    ['has to be loaded if an own message was sent before: it may have been marked as unread', read(1, 9), null],
    ['has to be loaded if the message is not listed', read(7, 9), null],
  ])('%s', (_, reading, expected) => {
    expect(after(group(5, 2), { listed, read: reading })).toBe(expected);
  });

  test('has to be loaded if newer messages are not listed', () => {
    expect(after(group(6, 2), { listed, read: read(4, 9) })).toBeNull();
  });
});

describe('the number of unread messages after changes', () => {
  const listed = [message(4), message(5)];
  const deletion = (number: number, from = OTHER) => message(number, from, { message: '', deleted_at: instant(9), version: 2 });

  test.each([
    ['has to be loaded after a deletion', 2, [deletion(4)], null],
    ['stays after an own deletion', 2, [deletion(4, ME)], 2],
    ['stays 0', 0, [deletion(4)], 0],
    ['stays after an edit', 2, [message(4, OTHER, { version: 2 })], 2],
  ])('%s', (_, unread, batch, expected) => {
    expect(after(group(5, unread), { listed, batch, changed: batch.map((each) => each.uuid) })).toBe(expected);
  });

  test('needs the group if its newest message may have changed', () => {
    const batch = [message(5, OTHER, { version: 2 })];
    expect(after(group(5, 2), { listed, batch, changed: [uuid(5)] })).toBeNull();
    expect(after(group(5, 2), { row: group(5), batch, changed: [uuid(5)] })).toBe(2);
    expect(after(group(5, 0), { changed: [uuid(4)] })).toBeNull();
  });

  test('is not counted if the API does not count', () => {
    expect(after(group(4), { row: group(5), batch: [message(5)], messages: [uuid(5)] })).toBeUndefined();
  });
});
