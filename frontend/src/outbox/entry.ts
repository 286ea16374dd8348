import type { NewMessage, SentMessage } from '../api/types.ts';
import { backOff, retryAfterMillis } from '../polling/back-off.ts';
import { foldHandle } from '../users/handle.ts';
import type { Recipient } from '../users/recipient.ts';

/** To whom a message goes: what the request says, and so what the server knows the key with. */
export type Target =
  | { kind: 'group'; uuid: string }
  | ({ kind: 'user' } & Recipient)
  /** Stored by earlier versions of the page, without the uuid that the handle stood for. */
  | { kind: 'handle'; handle: string };

export type State =
  /** To be sent, not before a time of this device's clock; with what went wrong the last time, if it was tried. */
  | { name: 'waiting'; notBefore: number; problem: string | null }
  | { name: 'sending' }
  /** Too old to be sent without asking: the server may have forgotten the key. */
  | { name: 'held' }
  /** The server will not have it. */
  | { name: 'failed'; reason: string }
  /** Stored; shown from here until the conversation's list has it. */
  | { name: 'sent'; message: SentMessage };

/** A message on its way. Everything but `group`, `attempts`, `vouched` and `state` is fixed when it is made. */
export interface Entry {
  /** The idempotency key. */
  id: string;
  target: Target;
  text: string;
  created: number;
  /** When its author last said that it is to be sent. */
  vouched: number;
  attempts: number;
  /** The group it is shown in, once that is known. */
  group: string | null;
  state: State;
}

/** What became of an attempt. */
export type Outcome =
  | { kind: 'stored'; message: SentMessage }
  | { kind: 'refused'; reason: string }
  | { kind: 'later'; problem: string; retryAfter: number | null }
  /** Nobody is signed in any more. */
  | { kind: 'signed-out' };

/** How long the server keeps a key. */
export const KEY_LIFE = 24 * 60 * 60 * 1000;

/** The longest pause before the next attempt, also if a server asks for more. */
export const LONGEST_PAUSE = 5 * 60_000;

/** `created` gives the order of the messages; it may be ahead of `now` to keep it. */
export function newEntry(id: string, target: Target, text: string, now: number, created = now): Entry {
  return {
    id,
    target,
    text,
    created,
    vouched: now,
    attempts: 0,
    group: target.kind === 'group' ? target.uuid : null,
    state: { name: 'waiting', notBefore: 0, problem: null },
  };
}

/** The name of a conversation: by its group, or by the other user if there is no group yet. */
export function conversationKey(target: Target): string {
  return target.kind === 'handle' ? `handle:${foldHandle(target.handle)}` : `${target.kind}:${target.uuid}`;
}

/** The conversation a message is in now. */
export function conversationOf(entry: Entry): string {
  return conversationKey(entry.group === null ? entry.target : { kind: 'group', uuid: entry.group });
}

export function requestOf(entry: Entry): NewMessage {
  const { target, text: message } = entry;
  switch (target.kind) {
    case 'group':
      return { message, message_group_uuid: target.uuid };
    case 'user':
      return { message, user_uuid: target.uuid };
    case 'handle':
      return { message, handle: target.handle };
  }
}

/** As it is after the page was loaded anew: what was being sent may or may not have arrived, so it is sent again. */
export function revived(entry: Entry, now: number): Entry {
  if (entry.state.name === 'sending' || entry.state.name === 'waiting') {
    if (entry.target.kind === 'handle') {
      // The handle may have changed hands, so the author is asked.
      return { ...entry, state: { name: 'held' } };
    }
    // A clock that was ahead would give the key a longer life than the server does.
    const vouched = Math.min(entry.vouched, now);
    return checked({ ...entry, vouched, state: { name: 'waiting', notBefore: now, problem: null } }, now);
  }
  return entry;
}

/** The milliseconds until the next attempt. A time that is further ahead than any pause came from a wrong clock. */
export function pauseOf({ state }: Entry, now: number): number {
  const pause = state.name === 'waiting' ? state.notBefore - now : 0;
  return pause > 0 && pause <= LONGEST_PAUSE ? pause : 0;
}

/** Holds back what has become too old to be sent without asking. */
export function checked(entry: Entry, now: number): Entry {
  const tooOld = now - entry.vouched >= KEY_LIFE;
  return entry.state.name === 'waiting' && tooOld ? { ...entry, state: { name: 'held' } } : entry;
}

export function begun(entry: Entry): Entry {
  return { ...entry, attempts: entry.attempts + 1, state: { name: 'sending' } };
}

/** After an attempt. A message that another window has stored meanwhile stays stored. */
export function settled(entry: Entry, outcome: Outcome, now: number, random: number): Entry {
  if (entry.state.name === 'sent') {
    return entry;
  }
  switch (outcome.kind) {
    case 'stored':
      return {
        ...entry,
        group: outcome.message.message_group_uuid,
        state: { name: 'sent', message: outcome.message },
      };
    case 'refused':
      return { ...entry, state: { name: 'failed', reason: outcome.reason } };
    case 'later': {
      const delay = Math.max(backOff(entry.attempts, random), retryAfterMillis(outcome.retryAfter, LONGEST_PAUSE));
      return { ...entry, state: { name: 'waiting', notBefore: now + delay, problem: outcome.problem } };
    }
    case 'signed-out':
      return { ...entry, state: { name: 'waiting', notBefore: now, problem: null } };
  }
}

/**
 * After its author asked to send it (again). The key stays: the last attempt may have arrived. So does the time from which
 * the key's life is counted, unless that has ended: an earlier attempt may be what the server knows the key from.
 */
export function vouchedFor(entry: Entry, now: number): Entry {
  if (entry.state.name === 'sent' || entry.state.name === 'sending') {
    return entry;
  }
  const vouched = now - entry.vouched >= KEY_LIFE ? now : entry.vouched;
  return { ...entry, vouched, state: { name: 'waiting', notBefore: now, problem: null } };
}

/**
 * Assigns the group to the messages of a conversation that had none.
 *
 * What was never tried is sent to the group; what was tried keeps its target, since the server knows the key with it.
 */
export function following(entry: Entry, to: Target, group: string): Entry {
  if (entry.group !== null || conversationKey(entry.target) !== conversationKey(to)) {
    return entry;
  }
  return entry.attempts === 0
    ? { ...entry, group, target: { kind: 'group', uuid: group } }
    : { ...entry, group };
}

/** Oldest first. */
export function byCreation(a: Entry, b: Entry): number {
  return a.created - b.created || (a.id < b.id ? -1 : Number(a.id > b.id));
}
