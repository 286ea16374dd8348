import type { Member, Message } from '../api/types.ts';

/** The greatest number of unread messages that the API counts. It means "this many or more". */
export const MAX_UNREAD = 100;

/** The messages of the other member in rows that are not deleted. */
export function countOfOthers(rows: readonly Message[], isOwn: (message: Message) => boolean): number {
  return Math.min(MAX_UNREAD, rows.filter((message) => !isOwn(message) && !message.deleted_at).length);
}

/**
 * The uuid of the oldest of `count` unread messages, for a divider before it. Null if `count` is 0. The other member's oldest
 * listed message if more are unread than are listed.
 */
export function firstUnread(messages: readonly Message[], count: number, me: string): string | null {
  const others = messages.filter((message) => message.user_uuid !== me && !message.deleted_at);
  return count === 0 ? null : (others.at(-count) ?? others[0])?.uuid ?? null;
}

/**
 * The uuid of the user's newest message that the other member has read; null if none of the listed ones is. Everything before
 * the other member's own newest message is read, too, but only if the member shows what they read.
 */
export function lastSeen(messages: readonly Message[], members: readonly Member[], me: string): string | null {
  const other = members.find(({ uuid }) => uuid !== me);
  if (other?.last_read_message_uuid === undefined) {
    return null;
  }
  const { uuid, last_read_message_uuid: read } = other;
  const end = messages.findLastIndex((message) => message.uuid === read || message.user_uuid === uuid);
  return messages.slice(0, end + 1).findLast((message) => message.user_uuid === me && !message.deleted_at)?.uuid ?? null;
}
