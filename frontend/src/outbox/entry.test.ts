import { describe, expect, test } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { uuid } from '../testing/fake-stack.ts';
import {
  type Entry,
  begun,
  checked,
  conversationOf,
  following,
  KEY_LIFE,
  LONGEST_PAUSE,
  newEntry,
  requestOf,
  revived,
  settled,
  vouchedFor,
} from './entry.ts';
import { outcomeOf } from './outcome.ts';

const GROUP = uuid(1);
const toGroup = newEntry('key', { kind: 'group', uuid: GROUP }, 'text', 1000);
const LORE = { kind: 'user', uuid: uuid(102), handle: 'lore', name: 'Lore Winters' } as const;
const toLore = newEntry('key', LORE, 'text', 1000);
const toHandle = newEntry('key', { kind: 'handle', handle: 'lore' }, 'text', 1000);

describe('a message on its way', () => {
  test('names its target and nothing else', () => {
    expect(requestOf(toGroup)).toEqual({ message: 'text', message_group_uuid: GROUP });
    expect(requestOf(toLore)).toEqual({ message: 'text', user_uuid: uuid(102) });
    expect(requestOf(toHandle)).toEqual({ message: 'text', handle: 'lore' });
  });

  test('to a handle, as earlier versions kept it, asks before it is sent', () => {
    expect([revived(toHandle, 5000).state.name, revived(begun(toHandle), 5000).state.name]).toEqual(['held', 'held']);
    const sent = settled(begun(toHandle), { kind: 'refused', reason: 'no' }, 1000, 0);
    expect(revived(sent, 5000)).toBe(sent);
  });

  test('waits longer after each failure', () => {
    const outcome = { kind: 'later', problem: 'away', retryAfter: null } as const;
    const once = settled(begun(toGroup), outcome, 1000, 1);
    const twice = settled(begun(once), outcome, 1000, 1);
    expect([once.state, twice.state]).toEqual([
      { name: 'waiting', notBefore: 2000, problem: 'away' },
      { name: 'waiting', notBefore: 3000, problem: 'away' },
    ]);
  });

  test('waits as long as the server asks', () => {
    const outcome = { kind: 'later', problem: 'away', retryAfter: 30 } as const;
    expect(settled(begun(toGroup), outcome, 1000, 0).state).toMatchObject({ notBefore: 31_000 });
  });

  test.each([0, -5, 3600, 2_147_484, 1e300, Number.POSITIVE_INFINITY])(
    'is tried again within five minutes when the server asks for %d seconds',
    (retryAfter) => {
      const { state } = settled(begun(toGroup), { kind: 'later', problem: 'away', retryAfter }, 1000, 1);
      expect(state).toMatchObject({ notBefore: retryAfter > 0 ? 1000 + LONGEST_PAUSE : 2000 });
    },
  );

  test('is not given a longer life by a clock that was ahead', () => {
    expect(revived(begun(newEntry('key', toGroup.target, 'text', 9_000_000)), 1000).vouched).toBe(1000);
  });

  test('is sent again after a reload that came while it was sent', () => {
    const again = revived(begun(toGroup), 5000);
    expect(again.state).toEqual({ name: 'waiting', notBefore: 5000, problem: null });
    expect([again.id, again.attempts]).toEqual(['key', 1]);
  });

  test('asks before it is sent when it is a day old', () => {
    expect(revived(toGroup, 1000 + KEY_LIFE - 1).state.name).toBe('waiting');
    expect(revived(toGroup, 1000 + KEY_LIFE).state.name).toBe('held');
    expect(revived(begun(toGroup), 1000 + KEY_LIFE).state.name).toBe('held');
  });

  test('asks as well when the day ends while the page is open', () => {
    expect(checked(toGroup, 1000 + KEY_LIFE).state.name).toBe('held');
    expect(checked(toGroup, 999 + KEY_LIFE)).toBe(toGroup);
  });

  test('is good for another day, with the same key, once its author has said so', () => {
    const held = checked(toGroup, 1000 + KEY_LIFE);
    const sent = vouchedFor(held, 2000 + KEY_LIFE);
    expect(sent).toMatchObject({ id: 'key', state: { name: 'waiting', notBefore: 2000 + KEY_LIFE } });
    expect(checked(sent, 1999 + 2 * KEY_LIFE)).toBe(sent);
  });

  test('is not good for longer because its author asked again before the day was over', () => {
    const waiting = settled(begun(toGroup), { kind: 'later', problem: 'no answer', retryAfter: null }, 1000, 0);
    const again = vouchedFor(waiting, 999 + KEY_LIFE);
    expect(again.state.name).toBe('waiting');
    expect(checked(again, 1000 + KEY_LIFE).state.name).toBe('held');
  });

  test('that failed stays failed over a reload', () => {
    const failed = settled(begun(toGroup), { kind: 'refused', reason: 'no' }, 1000, 0);
    expect(revived(failed, 2000)).toBe(failed);
  });

  test('is never sent again while it is being sent or after it was stored', () => {
    expect(vouchedFor(begun(toGroup), 2000)).toMatchObject({ state: { name: 'sending' } });
  });
});

describe('messages to a person whose group is known now', () => {
  test('are sent to the group if they were never tried', () => {
    expect(following(toLore, { ...LORE, handle: 'another.by.now' }, GROUP)).toMatchObject({ group: GROUP, target: { kind: 'group', uuid: GROUP } });
  });

  test('keep their target if they were: the server knows the key with it', () => {
    const followed = following(begun(toLore), LORE, GROUP);
    expect(requestOf(followed)).toEqual({ message: 'text', user_uuid: uuid(102) });
    expect(conversationOf(followed)).toBe(`group:${GROUP}`);
  });

  test('are those to this person alone', () => {
    expect(following(toLore, { ...LORE, uuid: uuid(101) }, GROUP)).toBe(toLore);
    const toAnother: Entry = newEntry('key', { kind: 'group', uuid: uuid(2) }, 'text', 1000);
    expect(following(toAnother, LORE, GROUP)).toBe(toAnother);
  });
});

describe('what an error means', () => {
  test.each([
    [new ApiError(0), 'later'],
    [new ApiError(429, ['rate_limited'], 5), 'later'],
    [new ApiError(500), 'later'],
    [new ApiError(502), 'later'],
    [new ApiError(503), 'later'],
    [new ApiError(504), 'later'],
    [new ApiError(401), 'signed-out'],
    [new ApiError(400, ['body_invalid']), 'refused'],
    [new ApiError(403, ['user_not_provisioned']), 'refused'],
    [new ApiError(404), 'refused'],
    [new ApiError(413, ['body_too_large']), 'refused'],
    [new ApiError(422, ['message_blank']), 'refused'],
    [new TypeError('a bug'), 'refused'],
  ])('%s: %s', (error, kind) => {
    expect(outcomeOf(error).kind).toBe(kind);
  });

  test('a refusal says why in plain words', () => {
    expect(outcomeOf(new ApiError(422, ['user_reciever_not_found']))).toEqual({
      kind: 'refused',
      reason: 'There is no user to receive this message.',
    });
  });
});
