import { describe, expect, test, vi } from 'vitest';
import { uuid } from '../testing/fake-stack.ts';
import { Drafts, LONGEST_KEPT } from './drafts.ts';

const DAY = 86_400_000;

/** Another window writes down a draft. */
function type(conversation: string, text: string, user = 'me'): void {
  const drafts = new Drafts(user);
  drafts.write(conversation, text);
  drafts.flush();
}

describe('drafts', () => {
  test('outlive the page', () => {
    type('group:1', 'half a sent');
    expect(new Drafts('me').read('group:1')).toBe('half a sent');
  });

  test('belong to one conversation and one person', () => {
    type('group:1', 'mine');
    expect(new Drafts('me').read('group:2')).toBe('');
    expect(new Drafts('you').read('group:1')).toBe('');
  });

  test('are gone when they are emptied', () => {
    const drafts = new Drafts('me');
    drafts.write('group:1', 'text');
    drafts.flush();
    drafts.write('group:1', '');
    expect(localStorage).toHaveLength(0);
  });

  test('follow from a person to their group', () => {
    const drafts = new Drafts('me');
    drafts.write('user:1', 'for Lore');
    drafts.move('user:1', 'group:1');
    expect([drafts.read('user:1'), drafts.read('group:1')]).toEqual(['', 'for Lore']);
  });

  test('lose nothing when there is a draft in the group already', () => {
    const drafts = new Drafts('me');
    drafts.write('user:1', 'second');
    drafts.write('group:1', 'first');
    drafts.move('user:1', 'group:1');
    expect(drafts.read('group:1')).toBe('first\nsecond');
  });

  test('are kept for thirty days', () => {
    const drafts = new Drafts('me');
    drafts.write('group:1', 'old');
    drafts.flush(0);
    expect(new Drafts('me', 30 * DAY).read('group:1')).toBe('old');
    expect(new Drafts('me', 30 * DAY + 1).read('group:1')).toBe('');
  });

  test('are read as empty when somebody else wrote there', () => {
    localStorage.setItem('cruddur.draft.me.group:1', '{"text":');
    expect(new Drafts('me').read('group:1')).toBe('');
  });

  test('of one person alone are cleared', () => {
    const mine = new Drafts('me');
    mine.write('group:1', 'mine');
    type('group:1', 'yours', 'you');
    mine.clear();
    mine.flush();
    expect([mine.read('group:1'), new Drafts('you').read('group:1')]).toEqual(['', 'yours']);
  });

  test('are kept up to a length, without half a character', () => {
    type('group:1', `${'x'.repeat(LONGEST_KEPT - 1)}🎉 and more`);
    expect(new Drafts('me').read('group:1')).toBe('x'.repeat(LONGEST_KEPT - 1));
  });

  test('reach the device after a pause', () => {
    vi.useFakeTimers();
    const drafts = new Drafts('me');
    for (const text of ['t', 'te', 'tex', 'text']) {
      drafts.write('group:1', text);
      vi.advanceTimersByTime(100);
    }
    expect(localStorage).toHaveLength(0);
    vi.advanceTimersByTime(300);
    expect(new Drafts('me').read('group:1')).toBe('text');
    vi.useRealTimers();
  });

  test('know for whom they were begun', () => {
    const drafts = new Drafts('me');
    const robert = { uuid: uuid(1), handle: 'Bob', name: 'Robert' };
    drafts.write(`user:${uuid(1)}`, 'for Robert', robert);
    drafts.write(`user:${uuid(2)}`, 'for another', { ...robert, uuid: uuid(2), handle: 'rob' });
    expect(drafts.recipients('bob')).toEqual([robert]);
  });
});

describe('a draft in two windows', () => {
  test('is followed where nothing was typed', () => {
    const here = new Drafts('me');
    expect(here.read('group:1')).toBe('');
    type('group:1', 'from there');
    here.refresh();
    expect(here.read('group:1')).toBe('from there');
  });

  test('that is sent there is gone here as well', () => {
    const here = new Drafts('me');
    type('group:1', 'the same');
    expect(here.read('group:1')).toBe('the same');
    type('group:1', '');
    here.refresh();
    expect(here.read('group:1')).toBe('');
  });

  test('that is sent there stays where more was typed', () => {
    const here = new Drafts('me');
    type('group:1', 'the same');
    here.read('group:1');
    here.write('group:1', 'the same and more');
    type('group:1', '');
    here.flush();
    expect(new Drafts('me').read('group:1')).toBe('the same and more');
  });

  test('is not destroyed by a window that did not know of it', () => {
    const stale = new Drafts('me');
    stale.read('group:1');
    stale.write('group:1', 'x');
    type('group:1', 'a long draft');
    stale.flush();
    expect(new Drafts('me').read('group:1')).toBe('a long draft\nx');
    expect(stale.read('group:1')).toBe('a long draft\nx');
  });

  test('that begins with the other one grows', () => {
    const here = new Drafts('me');
    type('group:1', 'one');
    here.read('group:1');
    here.write('group:1', 'one two');
    type('group:1', 'one t');
    here.flush();
    expect(new Drafts('me').read('group:1')).toBe('one two');
  });

  test('is untouched while a word is composed', () => {
    const here = new Drafts('me');
    here.hold(true);
    here.write('group:1', 'ko');
    type('group:1', 'there');
    here.refresh();
    here.flush();
    expect(here.read('group:1')).toBe('ko');
    here.hold(false);
    expect(here.read('group:1')).toBe('there\nko');
  });
});
