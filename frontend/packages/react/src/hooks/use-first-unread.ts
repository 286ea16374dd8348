import { type Message, firstUnread } from '@cruddur/client';
import { useCallback, useState } from 'react';

interface Opening {
  /** The number of unread messages when the conversation was opened. */
  count: number;
  /** The newest message at that time. */
  newest: string;
  /** The oldest unread message; null until it is loaded, or if there is none. */
  first: string | null;
}

/**
 * The uuid of the oldest message that was unread when the conversation was opened. Null if all were read, and until
 * the messages and their number have loaded. `isKnown` becomes true then, and messages may be marked as read from then on.
 * `isOlder` tells that it is not on the loaded pages.
 */
export function useFirstUnread(messages: readonly Message[], count: number | undefined, me: string | undefined) {
  const [opening, setOpening] = useState<Opening | null>(null);
  const last = messages.at(-1)?.uuid;
  if (opening === null) {
    if (count !== undefined && last !== undefined && me !== undefined) {
      setOpening({ count, newest: last, first: null });
    }
  } else if (opening.first === null && opening.count > 0 && me !== undefined) {
    const shown = messages.slice(0, messages.findLastIndex(({ uuid }) => uuid === opening.newest) + 1);
    const unread = shown.filter((message) => message.user_uuid !== me && !message.deleted_at);
    // Otherwise, the oldest one is on a further page.
    if (unread.length >= opening.count) {
      setOpening({ ...opening, first: firstUnread(shown, opening.count, me) });
    }
  }
  return {
    first: opening?.first ?? null,
    isKnown: opening !== null,
    isOlder: opening !== null && opening.first === null && opening.count > 0,
    /** Moves the beginning of the unread messages: the person has marked them as unread. */
    setFirst: useCallback((first: string) => setOpening((before) => before && { ...before, first }), []),
  };
}
