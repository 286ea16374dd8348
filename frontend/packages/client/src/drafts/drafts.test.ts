import { describe, expect, test, vi } from 'vitest';
import { uuid } from '../../../../app/src/testing/fake-stack.ts';
import { browserStore } from '../storage/safe-storage.ts';
import { Drafts, MAX_STORED } from './drafts.ts';

const DAY = 86_400_000;

/** Stores a draft as another window does. */
function store(conversation: string, text: string, user = 'me'): void {
  const drafts = new Drafts(browserStore(), user);
  drafts.write(conversation, text);
  drafts.flush();
}

describe('drafts', () => {
  test('outlive the page', () => {
    store('group:1', 'half a sent');
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('half a sent');
  });

  test('belong to one conversation and one person', () => {
    store('group:1', 'mine');
    expect(new Drafts(browserStore(), 'me').read('group:2')).toBe('');
    expect(new Drafts(browserStore(), 'you').read('group:1')).toBe('');
  });

  test('are removed when they are emptied', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.write('group:1', 'text');
    drafts.flush();
    drafts.write('group:1', '');
    expect(localStorage).toHaveLength(0);
  });

  test('keep the message that they reply to', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.refer('group:1', 'message');
    drafts.write('group:1', 'About that');
    drafts.flush();
    const later = new Drafts(browserStore(), 'me');
    expect([later.message('group:1'), later.message('group:2')]).toEqual(['message', undefined]);
    later.write('group:1', 'About that:');
    later.refer('group:1', undefined);
    later.flush();
    const latest = new Drafts(browserStore(), 'me');
    expect([latest.read('group:1'), latest.message('group:1')]).toEqual(['About that:', undefined]);
  });

  test('without a text are kept if they reply to a message', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.refer('group:1', 'message');
    drafts.refer('edit:group:1', 'message');
    drafts.flush();
    const later = new Drafts(browserStore(), 'me');
    expect([later.message('group:1'), later.message('edit:group:1'), later.count()]).toEqual(['message', undefined, 0]);
    later.refer('group:1', undefined);
    expect(localStorage).toHaveLength(0);
  });

  test('move from a person to the group with them', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.write('user:1', 'for Lore');
    drafts.move('user:1', 'group:1');
    expect([drafts.read('user:1'), drafts.read('group:1')]).toEqual(['', 'for Lore']);
  });

  test('are joined with a draft that the group already has', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.write('user:1', 'second');
    drafts.write('group:1', 'first');
    drafts.move('user:1', 'group:1');
    expect(drafts.read('group:1')).toBe('first\nsecond');
  });

  test('are kept for thirty days', () => {
    const drafts = new Drafts(browserStore(), 'me');
    drafts.write('group:1', 'old');
    drafts.flush(0);
    expect(new Drafts(browserStore(), 'me', 30 * DAY).read('group:1')).toBe('old');
    expect(new Drafts(browserStore(), 'me', 30 * DAY + 1).read('group:1')).toBe('');
  });

  test('are empty if the stored value is malformed', () => {
    localStorage.setItem('cruddur.draft.me.group:1', '{"text":');
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('');
  });

  test('are cleared for one person only', () => {
    const mine = new Drafts(browserStore(), 'me');
    mine.write('group:1', 'mine');
    store('group:1', 'yours', 'you');
    mine.clear();
    mine.flush();
    expect([mine.read('group:1'), new Drafts(browserStore(), 'you').read('group:1')]).toEqual(['', 'yours']);
  });

  test('are stored up to a length, without splitting a character', () => {
    store('group:1', `${'x'.repeat(MAX_STORED - 1)}🎉 and more`);
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('x'.repeat(MAX_STORED - 1));
  });

  test('are stored after a pause', () => {
    vi.useFakeTimers();
    const drafts = new Drafts(browserStore(), 'me');
    for (const text of ['t', 'te', 'tex', 'text']) {
      drafts.write('group:1', text);
      vi.advanceTimersByTime(100);
    }
    expect(localStorage).toHaveLength(0);
    vi.advanceTimersByTime(300);
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('text');
    vi.useRealTimers();
  });

  test('know their recipients', () => {
    const drafts = new Drafts(browserStore(), 'me');
    const robert = { uuid: uuid(1), handle: 'Bob', name: 'Robert' };
    drafts.write(`user:${uuid(1)}`, 'for Robert', robert);
    drafts.write(`user:${uuid(2)}`, 'for another', { ...robert, uuid: uuid(2), handle: 'rob' });
    expect(drafts.recipients('bob')).toEqual([robert]);
  });
});

describe('a draft in two windows', () => {
  test('is adopted by a window without edits', () => {
    const here = new Drafts(browserStore(), 'me');
    expect(here.read('group:1')).toBe('');
    store('group:1', 'from there');
    here.refresh();
    expect(here.read('group:1')).toBe('from there');
  });

  test('is removed here when it is sent there', () => {
    const here = new Drafts(browserStore(), 'me');
    store('group:1', 'the same');
    expect(here.read('group:1')).toBe('the same');
    store('group:1', '');
    here.refresh();
    expect(here.read('group:1')).toBe('');
  });

  test('stays in a window with edits when it is sent in the other', () => {
    const here = new Drafts(browserStore(), 'me');
    store('group:1', 'the same');
    here.read('group:1');
    here.write('group:1', 'the same and more');
    store('group:1', '');
    here.flush();
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('the same and more');
  });

  test('is not overwritten by a window that has not read it', () => {
    const stale = new Drafts(browserStore(), 'me');
    stale.read('group:1');
    stale.write('group:1', 'x');
    store('group:1', 'a long draft');
    stale.flush();
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('a long draft\nx');
    expect(stale.read('group:1')).toBe('a long draft\nx');
  });

  test('is the longer text if one begins with the other', () => {
    const here = new Drafts(browserStore(), 'me');
    store('group:1', 'one');
    here.read('group:1');
    here.write('group:1', 'one two');
    store('group:1', 'one t');
    here.flush();
    expect(new Drafts(browserStore(), 'me').read('group:1')).toBe('one two');
  });

  test('does not change while an input method composes a word', () => {
    const here = new Drafts(browserStore(), 'me');
    here.hold(true);
    here.write('group:1', 'ko');
    store('group:1', 'there');
    here.refresh();
    here.flush();
    expect(here.read('group:1')).toBe('ko');
    here.hold(false);
    expect(here.read('group:1')).toBe('there\nko');
  });
});
