import { describe, expect, test } from 'vitest';
import type { MessageGroup } from '../api/types.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { mergeGroups, reachesKnown } from './inbox.ts';

function group(number: number, at: number, message = 'text'): MessageGroup {
  return {
    uuid: uuid(number),
    user_uuid: uuid(100 + number),
    handle: `h${number}`,
    display_name: `N${number}`,
    message,
    created_at: instant(at),
  };
}

const order = (groups: readonly MessageGroup[]) => groups.map(({ handle }) => handle);

describe('merging groups', () => {
  test('keeps a group that a poll missed', () => {
    expect(order(mergeGroups([group(1, 30), group(2, 20)], [group(2, 20)]))).toEqual(['h1', 'h2']);
  });

  test('moves a group up with its new message', () => {
    const merged = mergeGroups([group(1, 30), group(2, 20)], [group(2, 40, 'new'), group(1, 30)]);
    expect(order(merged)).toEqual(['h2', 'h1']);
    expect(merged[0]?.message).toBe('new');
  });

  test('does not return to an older message', () => {
    const merged = mergeGroups([group(1, 30, 'newer')], [group(1, 20, 'older')]);
    expect(merged.map(({ message }) => message)).toEqual(['newer']);
  });

  test('changes nothing if all are known', () => {
    const known = [group(1, 30), group(2, 20)];
    expect(mergeGroups(known, [group(1, 30)])).toBe(known);
  });

  test('takes a new name for the same message', () => {
    const renamed = { ...group(1, 30), display_name: 'New Name' };
    expect(mergeGroups([group(1, 30)], [renamed])).toEqual([renamed]);
  });
});

describe('merging groups with the same newest message', () => {
  const first = { ...group(1, 30), unread_count: 2 };

  test('keeps the later version of the message, in any order', () => {
    const edited = { ...first, message: 'edited', version: 2 };
    const gone = { ...first, message: '', version: 3, deleted_at: instant(40) };
    expect(mergeGroups([first], [edited])).toEqual([edited]);
    expect(mergeGroups([gone], [edited, first])).toEqual([gone]);
  });

  test('keeps the number of unread messages if the row has none', () => {
    expect(mergeGroups([first], [group(1, 40, 'new')])).toEqual([{ ...group(1, 40, 'new'), unread_count: 2 }]);
    expect(mergeGroups([first], [{ ...first, unread_count: 0 }])).toEqual([{ ...first, unread_count: 0 }]);
  });
});

describe('a page reaches the known groups', () => {
  test('if it has the newest known group', () => {
    expect(reachesKnown([group(3, 50), group(1, 30)], [group(1, 30), group(2, 20)])).toBe(true);
  });

  test('but not if groups in between may be missing', () => {
    expect(reachesKnown([group(3, 50), group(4, 40)], [group(1, 30)])).toBe(false);
  });
});
