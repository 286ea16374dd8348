import type { Entry, ListState, Me, Message, MessageGroup, SessionState, User } from '@cruddur/client';
import { useEffect, useSyncExternalStore } from 'react';
import { useClient } from '../context.ts';

const nothing = () => () => undefined;
const NO_LIST: ListState<never> = { value: undefined, error: null, isLoadingMore: false, moreError: null, isStored: false };
const NO_USER = { value: undefined, error: null };

/**
 * The signed-in user as the API returns it. Own messages have its uuid; other users see its handle and name. Null until the
 * first response; later visits start with the stored user, so the page works offline.
 */
export function useMe(): { me: Me | null; error: unknown; refresh: () => Promise<void> } {
  const { me } = useClient();
  const { value, error } = useSyncExternalStore(me.subscribe, me.state);
  return { me: value ?? null, error, refresh: me.refresh };
}

/** The loaded part of a list, and the functions that load more of it. */
export interface ListView<Row> extends ListState<Row> {
  /** Requests the newest rows now. */
  refresh: () => Promise<void>;
  /** Loads the next page, of up to `limit` rows. */
  loadMore: (limit?: number) => Promise<void>;
}

/** The inbox, newest first. */
export function useInbox(): ListView<MessageGroup> {
  const { inbox } = useClient();
  const state = useSyncExternalStore(inbox.subscribe, inbox.state);
  return { ...state, refresh: inbox.refresh, loadMore: inbox.loadMore };
}

const noop = () => Promise.resolve();

/** The messages of a group, oldest first. Loads none if `group` is null. */
export function useThread(group: string | null): ListView<Message> {
  const client = useClient();
  const thread = group === null ? null : client.thread(group);
  const state = useSyncExternalStore(thread?.subscribe ?? nothing, thread?.state ?? (() => NO_LIST));
  return { ...state, refresh: thread?.refresh ?? noop, loadMore: thread?.loadMore ?? noop };
}

/** The user with a handle: undefined while loading, null if there is none. Loads none if `handle` is null. */
export function useUser(handle: string | null): { user: User | null | undefined; error: unknown; refresh: () => Promise<void> } {
  const client = useClient();
  const found = handle === null ? null : client.userByHandle(handle);
  const { value, error } = useSyncExternalStore(found?.subscribe ?? nothing, found?.state ?? (() => NO_USER));
  return { user: value, error, refresh: found?.refresh ?? noop };
}

/** All outgoing messages, oldest first. */
export function useOutbox(): readonly Entry[] {
  const { outbox } = useClient();
  return useSyncExternalStore(outbox.subscribe, outbox.entries);
}

/** Whether the session is open, has ended, or can't be renewed at the moment. */
export function useSession(): SessionState {
  const client = useClient();
  return useSyncExternalStore(client.subscribeToSession, client.session);
}

/** Whether the server has not responded for a while. */
export function useIsTroubled(): boolean {
  const { connectivity } = useClient();
  return useSyncExternalStore(connectivity.subscribe, connectivity.isTroubled);
}

/** Loads further pages of the inbox while `wanted`: the group that is looked for may be on them. */
export function useSearchOfInbox(wanted: boolean): void {
  const { value, isLoadingMore, moreError, loadMore } = useInbox();
  const next = wanted ? (value?.next ?? null) : null;
  useEffect(() => {
    if (next !== null && !isLoadingMore && moreError === null) {
      void loadMore();
    }
  }, [next, loadMore, isLoadingMore, moreError]);
}
