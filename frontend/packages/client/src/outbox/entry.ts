import type { MessageReference, NewMessage, SentMessage } from '../api/types.ts';
import { backOff, retryAfterMillis } from '../sync/back-off.ts';
import { foldHandle } from '../users/handle.ts';
import type { Reason } from './reason.ts';
import type { Recipient } from '../users/recipient.ts';

/** The recipient of a message, as in the request. The server rejects the key with another recipient. */
export type Target =
  | { kind: 'group'; uuid: string }
  | ({ kind: 'user' } & Recipient)
  /** Stored by earlier versions of the page, without the user's uuid. */
  | { kind: 'handle'; handle: string };

/** The state of an outgoing message. */
export type State =
  /** To be sent, not before a time of this device's clock. `problem` is the reason of the last failure. */
  | { name: 'waiting'; notBefore: number; problem: Reason | null }
  | { name: 'sending' }
  /** Needs its author's confirmation: the server may have forgotten the key, or the handle may have changed hands. */
  | { name: 'held' }
  /** Rejected by the server. */
  | { name: 'failed'; reason: Reason }
  /** Stored by the server. Shown from the outbox until the conversation lists it. */
  | { name: 'sent'; message: SentMessage };

/** An outgoing message. Only `group`, `target`, `attempts`, `vouched`, `replyTo` and `state` change. */
export interface Entry {
  /** The idempotency key. */
  id: string;
  target: Target;
  text: string;
  /** The message to which it replies. Without its text, which may be deleted meanwhile. */
  replyTo?: MessageReference;
  created: number;
  /** The start of the key's lifetime: when its author sent it, or confirmed it after a day. */
  vouched: number;
  attempts: number;
  /** The group in which it is shown; null until known. */
  group: string | null;
  state: State;
}

/** The outcome of an attempt. */
export type Outcome =
  | { kind: 'stored'; message: SentMessage }
  | { kind: 'refused'; reason: Reason }
  | { kind: 'later'; problem: Reason; retryAfter: number | null }
  /** The session has ended. */
  | { kind: 'signed-out' };

/** Milliseconds that the server keeps a key. */
export const KEY_LIFETIME = 24 * 60 * 60 * 1000;

/** The longest pause before the next attempt, even if the server asks for more. */
export const MAX_PAUSE = 5 * 60_000;

/** Creates an entry. `created` determines the order of the messages and may be later than `now`. */
export function newEntry(
  id: string,
  target: Target,
  text: string,
  now: number,
  created = now,
  replyTo: MessageReference | null = null,
): Entry {
  return {
    id,
    target,
    text,
    ...(replyTo !== null && { replyTo: { uuid: replyTo.uuid, created_at: replyTo.created_at } }),
    created,
    vouched: now,
    attempts: 0,
    group: target.kind === 'group' ? target.uuid : null,
    state: { name: 'waiting', notBefore: 0, problem: null },
  };
}

/** The key of a conversation: its group, or the other user if there is no group yet. */
export function conversationKey(target: Target): string {
  return target.kind === 'handle' ? `handle:${foldHandle(target.handle)}` : `${target.kind}:${target.uuid}`;
}

/** The key of the conversation that has the message now. */
export function conversationOf(entry: Entry): string {
  return conversationKey(entry.group === null ? entry.target : { kind: 'group', uuid: entry.group });
}

export function requestOf(entry: Entry): NewMessage {
  const { target, text: message, replyTo } = entry;
  const content = { message, ...(replyTo !== undefined && { reply_to: replyTo }) };
  switch (target.kind) {
    case 'group':
      return { ...content, message_group_uuid: target.uuid };
    case 'user':
      return { ...content, user_uuid: target.uuid };
    case 'handle':
      return { ...content, handle: target.handle };
  }
}

/** The entry after a reload. A message that was being sent is sent again: it may not have arrived. */
export function restored(entry: Entry, now: number): Entry {
  if (entry.state.name === 'sending' || entry.state.name === 'waiting') {
    if (entry.target.kind === 'handle') {
      // The handle may have changed hands.
      return { ...entry, state: { name: 'held' } };
    }
    // With a clock that was ahead, the key would seem to live longer than on the server.
    const vouched = Math.min(entry.vouched, now);
    return heldIfTooOld({ ...entry, vouched, state: { name: 'waiting', notBefore: now, problem: null } }, now);
  }
  return entry;
}

/** Milliseconds until the next attempt. Ignores times that are too far ahead: they come from a wrong clock. */
export function pauseOf({ state }: Entry, now: number): number {
  const pause = state.name === 'waiting' ? state.notBefore - now : 0;
  return pause > 0 && pause <= MAX_PAUSE ? pause : 0;
}

/** Holds a message that is too old to be sent without confirmation. */
export function heldIfTooOld(entry: Entry, now: number): Entry {
  const tooOld = now - entry.vouched >= KEY_LIFETIME;
  return entry.state.name === 'waiting' && tooOld ? { ...entry, state: { name: 'held' } } : entry;
}

export function asSending(entry: Entry): Entry {
  return { ...entry, attempts: entry.attempts + 1, state: { name: 'sending' } };
}

/** The entry after an attempt. A message that another window has sent meanwhile stays sent. */
export function afterAttempt(entry: Entry, outcome: Outcome, now: number, random: number): Entry {
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
      const delay = Math.max(backOff(entry.attempts, random), retryAfterMillis(outcome.retryAfter, MAX_PAUSE));
      return { ...entry, state: { name: 'waiting', notBefore: now + delay, problem: outcome.problem } };
    }
    case 'signed-out':
      return { ...entry, state: { name: 'waiting', notBefore: now, problem: null } };
  }
}

/**
 * The entry after its author asked to send it again. Keeps the key: the last attempt may have arrived. Keeps `vouched` too
 * until the key's lifetime ends: the server counts from the first attempt that arrived.
 */
export function requeued(entry: Entry, now: number): Entry {
  if (entry.state.name === 'sent' || entry.state.name === 'sending') {
    return entry;
  }
  const vouched = now - entry.vouched >= KEY_LIFETIME ? now : entry.vouched;
  return { ...entry, vouched, state: { name: 'waiting', notBefore: now, problem: null } };
}

/** The entry as a message of its own. The server has not stored the reply, so it accepts the key. */
export function withoutReply(entry: Entry): Entry {
  const { replyTo: _, ...message } = entry;
  return message;
}

/**
 * The entry after the conversation `to` got a group. Entries of other conversations stay the same.
 *
 * A message without attempts is sent to the group. After an attempt, the target stays: the server rejects the key with
 * another one.
 */
export function withGroup(entry: Entry, to: Target, group: string): Entry {
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
