import { describe, expect, test } from 'vitest';
import type { Message } from '../api/types.ts';
import { type Entry, newEntry } from '../outbox/entry.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import type { Action, Change } from '../state/message-changes.ts';
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
        message(2, 'lore', '22T10:04'),
        message(3, 'sunyoung', '22T10:05'),
        message(4, 'lore', '22T10:06'),
      ]),
    ).toBe('| [1 2] [3] [4]');
  });

  test('finds the pauses of both persons', () => {
    const shown = bubbles([
      message(1, 'lore', '22T10:00'),
      message(2, 'sunyoung', '22T10:04'),
      message(3, 'lore', '22T10:09'),
      message(4, 'lore', '22T10:10'),
    ]);
    expect(shown.filter(({ beforePause }) => beforePause).map(({ text }) => text)).toEqual(['2', '4']);
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

  test('shows changes that are being sent, but not failed ones, and keeps the other items', () => {
    const timeline = new Timeline('UTC');
    const rows = [message(1, 'lore', '22T10:00'), message(2, 'sunyoung', '22T10:01'), message(3, 'sunyoung', '22T10:02')];
    const before = timeline.items(rows, [], ME);
    const edit = changeOf(2, { kind: 'edit', text: 'edited' });
    const sent = new Map([
      [uuid(2), [edit]],
      [uuid(3), [changeOf(3, { kind: 'delete' })]],
      [uuid(1), [changeOf(1, { kind: 'react', emoji: '👍', isOn: true })]],
    ]);
    const [, first, second, third] = timeline.items(rows, [], ME, sent);
    expect(first).toMatchObject({ text: '1', reactions: [{ emoji: '👍', users: [ME.uuid], own: true }] });
    expect(second).toMatchObject({ text: 'edited', isEdited: true, changes: [edit], message: rows[1] });
    expect(third).toMatchObject({ text: '', isDeleted: true });
    const failed = new Map([[uuid(2), [{ ...edit, problem: { kind: 'client' } as const }]]]);
    const after = timeline.items(rows, [], ME, failed);
    expect(after[2]).toMatchObject({ text: '2', isEdited: false, changes: [{ problem: { kind: 'client' } }] });
    expect(timeline.items(rows, [], ME, failed)[2]).toBe(after[2]);
    expect(timeline.items(rows, [], ME)).toEqual(before);
  });

  test('quotes the listed message as it is, and another one as the reply tells', () => {
    const timeline = new Timeline('UTC');
    const quoted = message(1, 'lore', '22T10:00');
    const to = { uuid: quoted.uuid, created_at: quoted.created_at };
    const reply = { ...message(2, 'sunyoung', '22T10:01'), reply_to: { ...to, user_uuid: quoted.user_uuid, message: 'as it was' } };
    const quotes = (...rows: Message[]) =>
      timeline.items(rows, [entry('new', '22T10:02', { replyTo: to })], ME).flatMap((item) => (item.kind === 'bubble' ? (item.quote ?? []) : []));
    const quote = { uuid: quoted.uuid, own: false };
    expect(quotes(quoted, reply)).toEqual([{ ...quote, text: '1' }, { ...quote, text: '1' }]);
    expect(quotes({ ...quoted, message: '', deleted_at: quoted.created_at }, reply)).toEqual([{ ...quote, text: null }, { ...quote, text: null }]);
    expect(quotes(reply)).toEqual([{ ...quote, text: 'as it was' }, { ...quote, own: null, text: null }]);
  });
});

function changeOf(number: number, action: Action): Change {
  return { id: `${number}`, group: GROUP, message: message(number, 'lore', '22T10:00'), action, problem: null };
}
