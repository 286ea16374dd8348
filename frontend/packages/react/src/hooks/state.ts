import { type ChangesByMessage, type ListState, type MessageGroup, type ShownGroup, type Unread, stateOf, unreadOf } from '@cruddur/client';
import { useSyncExternalStore } from 'react';
import { useClient } from '../context.ts';

// A module of its own: the inbox does without its code.

/** The edits, deletions and reactions that are being sent or have failed. */
export function useChanges(): ChangesByMessage {
  const { changes } = stateOf(useClient());
  return useSyncExternalStore(changes.subscribe, changes.state);
}

/** Whether the signed-in user blocks another user, as far as is known. */
export function useIsBlocked(user: string | undefined): boolean {
  const { blocks } = stateOf(useClient());
  return useSyncExternalStore(blocks.subscribe, () => user !== undefined && blocks.isBlocked(user) === true);
}

const nothing = () => () => undefined;
const NO_GROUP = { value: undefined, error: null };

/** A group with what its members have read; undefined until loaded. Loads none if `group` is null. */
export function useShownGroup(group: string | null): ShownGroup | undefined {
  const { groups } = stateOf(useClient());
  const shown = group === null ? null : groups.get(group);
  return useSyncExternalStore(shown?.subscribe ?? nothing, shown?.state ?? (() => NO_GROUP)).value;
}

/** The conversations that strangers have opened and the signed-in user has not answered, newest first. */
export function useMessageRequests(): ListState<MessageGroup> {
  const { list } = stateOf(useClient()).requests;
  return useSyncExternalStore(list.subscribe, list.state);
}

/** The number of conversations with unread messages; undefined until known. */
export function useUnreadConversations(): Unread | undefined {
  const unread = unreadOf(useClient());
  return useSyncExternalStore(unread.subscribe, unread.state);
}
