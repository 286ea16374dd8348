import { v4 as uuid } from 'uuid';
import type { Credentials } from '../api/credentials.ts';
import type { MessagesClient } from '../client.ts';
import type { Store } from '../storage/store.ts';
import { stateOf } from '../state/state.ts';
import { cursorKey, deviceKey } from '../storage/stored-position.ts';
import type { ListKeeper } from './list-keeper.ts';
import { type Lists, applyBatch, applyReset } from './apply.ts';
import type { WebSocketConstructor } from './connection.ts';
import { EventStream, type SocketOptions } from './event-stream.ts';
import { type Tabs, browserTabs } from './tabs.ts';
import { TIMING, type Timing } from './timing.ts';

export { report } from '../reports.ts';
export { ListKeeper } from './list-keeper.ts';

/** How events arrive. */
export interface LiveOptions {
  /** The address of the socket. Without one, events are polled. */
  websocketUrl?: string | null;
  /** Opens the socket; by default the global `WebSocket`. */
  WebSocket?: WebSocketConstructor;
  /** Connects the tabs that share the store, by default by Web Locks. Null: each tab has a socket of its own. */
  tabs?: Tabs | null;
  /** Durations in place of the default ones, for tests. */
  timing?: Partial<Timing>;
}

/** The parts of a client that are not public. */
export interface Internals {
  credentials: Credentials;
  /** The stored cursor before any list was loaded. */
  cursor: string | null;
  /** Removes the messages from the outbox that their conversations list. */
  removeListed: () => void;
  /** Null if lists are not stored. */
  keeper: ListKeeper | null;
}

/** The events after which a conversation has no other texts than before. */
const KEEPS_TEXTS = new Set(['message', 'read']);

/** Creates the stream of events that keeps the lists of a client up to date. */
export function createEventStream(client: MessagesClient, internals: Internals, options: LiveOptions): EventStream {
  const { api, connectivity, store, user } = client;
  const { cursor, removeListed, keeper } = internals;
  const lists: Lists = { client, state: stateOf(client), removeListed };
  return new EventStream({
    connectivity,
    list: (after) => api.listEvents(after),
    cursor,
    socket: socketOf(client, internals, options),
    timing: { ...TIMING, ...options.timing },
    random: Math.random,
    onBatch: (batch) => {
      keeper?.forget(batch.events.filter(({ type }) => !KEEPS_TEXTS.has(type)).map(({ message_group_uuid: group }) => group));
      applyBatch(lists, batch);
    },
    onReset: (isGap) => {
      if (isGap) {
        keeper?.forgetAll();
      }
      applyReset(lists, isGap);
    },
    onMoved: (moved) => {
      if (!client.isClosed) {
        store.set(cursorKey(user), moved);
      }
    },
  });
}

function socketOf(
  { store, user, threads }: MessagesClient,
  { credentials }: Internals,
  { websocketUrl: url, WebSocket = globalThis.WebSocket, tabs = browserTabs() }: LiveOptions,
): SocketOptions | null {
  // Node has no WebSocket before version 22.
  if (typeof url !== 'string' || WebSocket === undefined) {
    return null;
  }
  // Two sockets of one device would replace each other.
  const shared = tabs === null ? null : storedDevice(store, user);
  const device = shared ?? uuid();
  return {
    url,
    WebSocket,
    device,
    credentials,
    tabs: shared === null ? null : tabs,
    name: `cruddur.events ${user} ${device}`,
    isConversationOpen: () => [...threads.values()].some(({ isInUse }) => isInUse),
  };
}

/** The uuid of this browser for a person, created if there is none. Returns null if the store does not outlive the page. */
function storedDevice(store: Store, user: string): string | null {
  const known = store.get(deviceKey(user)) ?? '';
  const device = /^[0-9a-f-]{36}$/.test(known) ? known : uuid();
  return store.set(deviceKey(user), device) ? device : null;
}
