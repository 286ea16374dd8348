import { describe, expect, test } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import { uuid } from '../../../../app/src/testing/fake-stack.ts';
import {
  type Entry,
  afterAttempt,
  asSending,
  conversationOf,
  heldIfTooOld,
  KEY_LIFETIME,
  MAX_PAUSE,
  newEntry,
  requestOf,
  requeued,
  restored,
  withGroup,
} from './entry.ts';
import { outcomeOf } from './outcome.ts';
import type { Reason } from './reason.ts';

const GROUP = uuid(1);
const AWAY: Reason = { kind: 'api', status: 0, codes: [] };
const toGroup = newEntry('key', { kind: 'group', uuid: GROUP }, 'text', 1000);
const LORE = { kind: 'user', uuid: uuid(102), handle: 'lore', name: 'Lore Winters' } as const;
const toLore = newEntry('key', LORE, 'text', 1000);
const toHandle = newEntry('key', { kind: 'handle', handle: 'lore' }, 'text', 1000);

describe('an outgoing message', () => {
  test('is sent with its target only', () => {
    expect(requestOf(toGroup)).toEqual({ message: 'text', message_group_uuid: GROUP });
    expect(requestOf(toLore)).toEqual({ message: 'text', user_uuid: uuid(102) });
    expect(requestOf(toHandle)).toEqual({ message: 'text', handle: 'lore' });
  });

  test('to a handle, from an earlier version, needs confirmation', () => {
    expect([restored(toHandle, 5000).state.name, restored(asSending(toHandle), 5000).state.name]).toEqual(['held', 'held']);
    const sent = afterAttempt(asSending(toHandle), { kind: 'refused', reason: { kind: 'client' } }, 1000, 0);
    expect(restored(sent, 5000)).toBe(sent);
  });

  test('waits longer after each failure', () => {
    const outcome = { kind: 'later', problem: AWAY, retryAfter: null } as const;
    const once = afterAttempt(asSending(toGroup), outcome, 1000, 1);
    const twice = afterAttempt(asSending(once), outcome, 1000, 1);
    expect([once.state, twice.state]).toEqual([
      { name: 'waiting', notBefore: 2000, problem: AWAY },
      { name: 'waiting', notBefore: 3000, problem: AWAY },
    ]);
  });

  test('waits at least as long as the server asks for', () => {
    const outcome = { kind: 'later', problem: AWAY, retryAfter: 30 } as const;
    expect(afterAttempt(asSending(toGroup), outcome, 1000, 0).state).toMatchObject({ notBefore: 31_000 });
  });

  test.each([0, -5, 3600, 2_147_484, 1e300, Number.POSITIVE_INFINITY])(
    'waits at most five minutes if the server asks for %d seconds',
    (retryAfter) => {
      const { state } = afterAttempt(asSending(toGroup), { kind: 'later', problem: AWAY, retryAfter }, 1000, 1);
      expect(state).toMatchObject({ notBefore: retryAfter > 0 ? 1000 + MAX_PAUSE : 2000 });
    },
  );

  test('does not live longer because of a clock that was ahead', () => {
    expect(restored(asSending(newEntry('key', toGroup.target, 'text', 9_000_000)), 1000).vouched).toBe(1000);
  });

  test('is sent again after a reload that interrupted it', () => {
    const again = restored(asSending(toGroup), 5000);
    expect(again.state).toEqual({ name: 'waiting', notBefore: 5000, problem: null });
    expect([again.id, again.attempts]).toEqual(['key', 1]);
  });

  test('needs confirmation after a reload when it is a day old', () => {
    expect(restored(toGroup, 1000 + KEY_LIFETIME - 1).state.name).toBe('waiting');
    expect(restored(toGroup, 1000 + KEY_LIFETIME).state.name).toBe('held');
    expect(restored(asSending(toGroup), 1000 + KEY_LIFETIME).state.name).toBe('held');
  });

  test('needs confirmation when it becomes a day old on an open page', () => {
    expect(heldIfTooOld(toGroup, 1000 + KEY_LIFETIME).state.name).toBe('held');
    expect(heldIfTooOld(toGroup, 999 + KEY_LIFETIME)).toBe(toGroup);
  });

  test('is valid for another day with the same key after its author confirms it', () => {
    const held = heldIfTooOld(toGroup, 1000 + KEY_LIFETIME);
    const sent = requeued(held, 2000 + KEY_LIFETIME);
    expect(sent).toMatchObject({ id: 'key', state: { name: 'waiting', notBefore: 2000 + KEY_LIFETIME } });
    expect(heldIfTooOld(sent, 1999 + 2 * KEY_LIFETIME)).toBe(sent);
  });

  test('is not valid for longer if its author retries within the day', () => {
    const waiting = afterAttempt(asSending(toGroup), { kind: 'later', problem: AWAY, retryAfter: null }, 1000, 0);
    const again = requeued(waiting, 999 + KEY_LIFETIME);
    expect(again.state.name).toBe('waiting');
    expect(heldIfTooOld(again, 1000 + KEY_LIFETIME).state.name).toBe('held');
  });

  test('that failed stays failed after a reload', () => {
    const failed = afterAttempt(asSending(toGroup), { kind: 'refused', reason: { kind: 'client' } }, 1000, 0);
    expect(restored(failed, 2000)).toBe(failed);
  });

  test('is not sent again while it is being sent', () => {
    expect(requeued(asSending(toGroup), 2000)).toMatchObject({ state: { name: 'sending' } });
  });
});

describe('messages to a person who has a group now', () => {
  test('are sent to the group if there was no attempt', () => {
    expect(withGroup(toLore, { ...LORE, handle: 'another.by.now' }, GROUP)).toMatchObject({ group: GROUP, target: { kind: 'group', uuid: GROUP } });
  });

  test('keep their target after an attempt', () => {
    const followed = withGroup(asSending(toLore), LORE, GROUP);
    expect(requestOf(followed)).toEqual({ message: 'text', user_uuid: uuid(102) });
    expect(conversationOf(followed)).toBe(`group:${GROUP}`);
  });

  test('are those to this person only', () => {
    expect(withGroup(toLore, { ...LORE, uuid: uuid(101) }, GROUP)).toBe(toLore);
    const toAnother: Entry = newEntry('key', { kind: 'group', uuid: uuid(2) }, 'text', 1000);
    expect(withGroup(toAnother, LORE, GROUP)).toBe(toAnother);
  });
});

describe('the outcome of an error', () => {
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

  test('a refusal has a reason for its author', () => {
    expect(outcomeOf(new ApiError(422, ['user_reciever_not_found']))).toEqual({
      kind: 'refused',
      reason: { kind: 'api', status: 422, codes: ['user_reciever_not_found'] },
    });
  });
});
