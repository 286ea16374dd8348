import { describe, expect, test } from 'vitest';
import type { Message } from '../api/types.ts';
import { type Entry, newEntry } from '../outbox/entry.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { type Bubble, Timeline } from './timeline.ts';

const ME = { uuid: uuid(100), handle: 'sunyoung', display_name: 'Sunyoung Lee' };
const GROUP = uuid(1);

function message(number: number, handle: string, at: string): Message {
  return {
    uuid: uuid(number),
    user_uuid: uuid(handle === 'sunyoung' ? 100 : 101),
    handle,
    display_name: handle,
    message: `${number}`,
    created_at: instant(`2026-11-${at}:00Z`),
  };
}

function items(messages: Message[], entries: Entry[] = []) {
  return new Timeline('UTC').items(messages, entries, ME);
}

function bubbles(messages: Message[], entries: Entry[] = []): Bubble[] {
  return items(messages, entries).filter((item) => item.kind === 'bubble');
}

/** Each bubble as its text with the bounds of its run: `[1 2]` is a run of two. `|` is the heading of a day. */
function runs(messages: Message[], entries: Entry[] = []): string {
  return items(messages, entries)
    .map((item) => (item.kind === 'day' ? '|' : `${item.first ? '[' : ''}${item.text}${item.last ? ']' : ''}`))
    .join(' ');
}

function entry(text: string, at: string, change: Partial<Entry> = {}): Entry {
  return { ...newEntry(`key-${text}`, { kind: 'group', uuid: GROUP }, text, Date.parse(`2026-11-${at}:00Z`)), ...change };
}

describe('the timeline of a conversation', () => {
  test('has a heading for each day', () => {
    const shown = items([message(1, 'lore', '20T10:00'), message(2, 'lore', '20T11:00'), message(3, 'lore', '22T10:00')]);
    const first = Date.UTC(2026, 10, 20) / 86_400_000;
    expect(shown.map((item) => (item.kind === 'day' ? item.number - first : item.text))).toEqual([0, '1', '2', 2, '3']);
  });

  test('groups the messages of one person into runs', () => {
    expect(
      runs([
        message(1, 'lore', '22T10:00'),
        message(2, 'lore', '22T10:09'),
        message(3, 'sunyoung', '22T10:10'),
        message(4, 'lore', '22T10:11'),
      ]),
    ).toBe('| [1 2] [3] [4]');
  });

  test('ends a run at a pause and at midnight', () => {
    expect(
      runs([
        message(1, 'lore', '21T23:40'),
        message(2, 'lore', '21T23:59'),
        message(3, 'lore', '22T00:01'),
        message(4, 'lore', '22T00:02'),
      ]),
    ).toBe('| [1] [2] | [3 4]');
  });

  test('recognizes own messages by the uuid of the sender, not by the handle', () => {
    const mine = { ...message(1, 'sunyoung', '22T10:00'), handle: 'as.it.was' };
    const theirs = { ...message(2, 'lore', '22T10:01'), handle: 'sunyoung' };
    expect(bubbles([mine, theirs]).map(({ own }) => own)).toEqual([true, false]);
  });

  test('shows unsent messages last, even if this clock is behind', () => {
    expect(runs([message(1, 'lore', '22T10:00')], [entry('new', '22T09:00')])).toBe('| [1] [new]');
  });

  test('shows a sent message once and with the same key, before and after it is listed', () => {
    const stored = { ...message(7, 'sunyoung', '22T10:00'), message: 'new' };
    const sent = entry('new', '22T10:00', { state: { name: 'sent', message: { ...stored, message_group_uuid: GROUP } } });
    const before = bubbles([], [sent]);
    const after = bubbles([stored], [sent]);
    expect([before.length, after.length]).toEqual([1, 1]);
    expect(before[0]?.key).toBe(after[0]?.key);
  });

  test('ends a run at a failed message', () => {
    const failed = entry('b', '22T10:01', { state: { name: 'failed', reason: { kind: 'client' } } });
    expect(runs([], [entry('a', '22T10:00'), failed, entry('c', '22T10:02')])).toBe('| [a] [b] [c]');
  });

  test('keeps the items that did not change', () => {
    const timeline = new Timeline('UTC');
    const first = message(1, 'lore', '22T10:00');
    const second = message(2, 'lore', '22T10:01');
    const before = timeline.items([first, second], [], ME);
    const after = timeline.items([first, second, message(3, 'lore', '22T10:02')], [], ME);
    expect([after[0] === before[0], after[1] === before[1], after[2] === before[2]]).toEqual([true, true, false]);
    expect(timeline.items([first, second], [], ME)).toEqual(before);
  });
});
