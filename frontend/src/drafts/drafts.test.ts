import { describe, expect, test } from 'vitest';
import { Drafts } from './drafts.ts';

const DAY = 86_400_000;

describe('drafts', () => {
  test('outlive the page', () => {
    new Drafts('me').write('group:1', 'half a sent');
    expect(new Drafts('me').read('group:1')).toBe('half a sent');
  });

  test('belong to one conversation and one person', () => {
    new Drafts('me').write('group:1', 'mine');
    expect(new Drafts('me').read('group:2')).toBe('');
    expect(new Drafts('you').read('group:1')).toBe('');
  });

  test('are gone when they are emptied', () => {
    const drafts = new Drafts('me');
    drafts.write('group:1', 'text');
    drafts.write('group:1', '');
    expect(localStorage).toHaveLength(0);
  });

  test('follow from a handle to its group', () => {
    const drafts = new Drafts('me');
    drafts.write('handle:lore', 'for Lore');
    drafts.move('handle:lore', 'group:1');
    expect([drafts.read('handle:lore'), drafts.read('group:1')]).toEqual(['', 'for Lore']);
  });

  test('lose nothing when there is a draft in the group already', () => {
    const drafts = new Drafts('me');
    drafts.write('handle:lore', 'second');
    drafts.write('group:1', 'first');
    drafts.move('handle:lore', 'group:1');
    expect(drafts.read('group:1')).toBe('first\nsecond');
  });

  test('are kept for thirty days', () => {
    new Drafts('me').write('group:1', 'old', 0);
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
    new Drafts('you').write('group:1', 'yours');
    mine.clear();
    expect([mine.read('group:1'), new Drafts('you').read('group:1')]).toEqual(['', 'yours']);
  });
});
