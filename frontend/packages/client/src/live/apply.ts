import { LIMIT } from '../api/api.ts';
import type { LogEvent, Message, MessageGroup, User } from '../api/types.ts';
import type { MessagesClient } from '../client.ts';
import { byAge } from '../conversations/thread.ts';
import { rowAfter } from '../conversations/unread-count.ts';
import { reloadRows } from '../state/reload-rows.ts';
import type { ConversationState } from '../state/state.ts';
import { unreadOf } from '../state/unread-total.ts';
import type { PagedList } from '../sync/paged-list.ts';
import type { Batch } from './frames.ts';

/** What events change. */
export interface Lists {
  client: MessagesClient;
  state: ConversationState;
  /** Removes the messages from the outbox that their conversations list. */
  removeListed: () => void;
}

/** Milliseconds after which a conversation that no view shows lists its messages. */
const SHOWN_AFTER = 60_000;

/** What events say about a group. */
interface Changes {
  /** The new messages. */
  messages: string[];
  /** The edited and deleted messages, and those with other reactions. */
  changed: string[];
  /** What members have read. */
  reads: LogEvent[];
  /** Whether the user's settings of the group have changed. */
  areSettings: boolean;
  /** Whether an event does not say what changed. */
  areUnknown: boolean;
}

/**
 * Changes the lists by events. Loads what the events name and the batch lacks.
 *
 * The rows of a batch have the names at the time of writing. A message that is newer than the lists has the newest name; otherwise,
 * names from the lists replace those of the batch.
 */
export function applyBatch(lists: Lists, { events, messages, groups }: Batch): void {
  const { client, state } = lists;
  const all = [...changesOf(events)];
  const isListMissing = ([group, { messages: added, areUnknown }]: [string, Changes]) =>
    areUnknown || (added.length > 0 && !groups.has(group));
  // A list is loaded up to the rows that it has at its invalidation, so rows are added after that.
  if (all.some(isListMissing)) {
    void client.inbox.invalidate();
  }
  const outdated: string[] = [];
  for (const [group, changes] of all) {
    rename(lists, group, changes.messages.flatMap((uuid) => messages.get(uuid) ?? []));
    const embedded = groups.get(group);
    const row = embedded && withName(lists, group, embedded);
    if (!isListMissing([group, changes]) && !applyToInbox(lists, group, changes, row, messages)) {
      outdated.push(group);
    }
    if (changes.areUnknown) {
      state.groups.changed(group);
    }
    // The list of requests shows the message of a request.
    if (changes.areSettings || (changes.changed.length > 0 && state.requests.has(group))) {
      state.groups.settingsChanged(group);
    }
    for (const read of changes.reads) {
      state.groups.apply(group, read);
    }
    void applyToThread(lists, group, changes, messages);
  }
  state.refresher.add(outdated);
}

/** Loads everything that may have changed without an event. With `isGap`, so may old messages and requests. */
export function applyReset({ client, state }: Lists, isGap: boolean): void {
  void client.inbox.invalidate();
  state.groups.invalidate();
  if (isGap) {
    // Other devices may have answered any of them.
    state.requests.list.reset();
  }
  for (const thread of client.threads.values()) {
    if (!isGap) {
      void thread.invalidate();
    } else if (thread.isInUse) {
      void reloadAll(client, thread);
    } else {
      thread.reset();
    }
  }
}

/** Loads the newest rows of a conversation, and those that were loaded before them. */
async function reloadAll(client: MessagesClient, thread: PagedList<Message>): Promise<void> {
  const before = uuidsOf(thread.state().value?.rows);
  await thread.invalidate();
  const after = uuidsOf(thread.state().value?.rows);
  const newest = before.at(-1);
  if (newest !== undefined && after.includes(newest)) {
    const loaded = new Set(after.slice(-LIMIT));
    await reloadRows(client, thread, before.filter((uuid) => !loaded.has(uuid)));
  }
}

function uuidsOf(rows: readonly Message[] = []): string[] {
  return rows.map(({ uuid }) => uuid);
}

function changesOf(events: readonly LogEvent[]): Map<string, Changes> {
  const all = new Map<string, Changes>();
  for (const event of events) {
    const { type, message_group_uuid: group, message_uuids: uuids, user_uuid: user } = event;
    const changes = all.get(group) ?? { messages: [], changed: [], reads: [], areSettings: false, areUnknown: false };
    all.set(group, changes);
    if (type === 'message' && Array.isArray(uuids)) {
      changes.messages.push(...uuids);
    } else if (type === 'message_changed' && Array.isArray(uuids)) {
      changes.changed.push(...uuids);
    } else if (type === 'read' && typeof user === 'string') {
      changes.reads.push(event);
    } else if (type === 'group') {
      changes.areSettings = true;
    } else {
      changes.areUnknown = true;
    }
  }
  return all;
}

/** Adds a group to the inbox, with its number of unread messages. Returns false if the group has to be loaded. */
function applyToInbox(
  { client, state }: Lists,
  group: string,
  { messages, changed, reads }: Changes,
  row: MessageGroup | undefined,
  batch: ReadonlyMap<string, Message>,
): boolean {
  const { inbox, threads, me } = client;
  const known = inbox.state().value?.rows.find(({ uuid }) => uuid === group);
  const other = (row ?? known)?.user_uuid;
  const own = reads.filter(({ user_uuid: user }) => (other === undefined ? user === me.state().value?.uuid : user !== other));
  const read = own.toSorted((a, b) => ((a.last_read_at ?? '') < (b.last_read_at ?? '') ? -1 : 1)).at(-1);
  if (known === undefined && (read !== undefined || changed.length > 0)) {
    unreadOf(client).changed();
  }
  // The event of an earlier marker changes nothing while a later one is being stored.
  const counted = read !== undefined && state.reads.supersedes(group, read) ? undefined : read;
  const thread = threads.get(group);
  const listed = thread?.state().value?.rows ?? [];
  // A count based on a doubtful number would replace that of the response. After a reading, all later messages are counted.
  const isLoading = inbox.isLoading || state.refresher.isPending(group) || (read !== undefined && thread?.isLoading === true);
  const isInDoubt = known?.unread_count !== undefined && isLoading;
  const after = isInDoubt ? null : rowAfter({ known, row, listed, batch, messages, changed, read: counted });
  const shown = after ?? row;
  // Without a new message, a group that the inbox does not list may be hidden.
  if (shown !== undefined && (known !== undefined || messages.length > 0)) {
    inbox.add([shown]);
  }
  return after !== null;
}

/** Applies changes to a conversation, loads what the batch lacks, and removes from the outbox what the conversation lists. */
async function applyToThread(
  lists: Lists,
  group: string,
  { messages, changed, areUnknown }: Changes,
  batch: ReadonlyMap<string, Message>,
): Promise<void> {
  const { client, removeListed } = lists;
  const { threads, outbox } = client;
  const thread = threads.get(group);
  const rows = thread?.state().value?.rows ?? [];
  // The newest messages are last.
  const isListed = (uuid: string) => rows.findLast((row) => row.uuid === uuid) !== undefined;
  const embedded = [...messages, ...changed].flatMap((uuid) => batch.get(uuid) ?? []);
  // A frame has only the reference of a reply.
  const lacksQuote = ({ uuid, reply_to: to }: Message) =>
    to !== undefined && to.user_uuid === undefined && !isListed(to.uuid) && !embedded.some((row) => row.uuid === to.uuid) && !isListed(uuid);
  const missing = changed.filter((uuid) => !batch.has(uuid));
  // Quotes of a message that is not loaded have changed, too.
  const outdated = rows.filter(({ uuid, reply_to: to }) => missing.includes(uuid) || (to !== undefined && missing.includes(to.uuid)));
  const isComplete =
    !areUnknown &&
    !embedded.some(lacksQuote) &&
    messages.every((uuid) => batch.has(uuid) || isListed(uuid)) &&
    missing.every((uuid) => outdated.some((row) => row.uuid === uuid || row.reply_to?.uuid === uuid));
  const requests = thread?.requests ?? null;
  if (thread !== undefined && requests !== null && changed.length > 0) {
    void reloadLate(client, thread, requests, missing, changed);
  }
  const loading = isComplete ? undefined : thread?.invalidate();
  thread?.add(embedded.map((message) => withName(lists, group, message)));
  if (thread !== undefined && outdated.length > 0) {
    void reloadRows(client, thread, outdated.map(({ uuid }) => uuid));
  }
  await loading;
  removeListed();
  if (messages.length > 0 && outbox.entries().length > 0) {
    // A view that is not subscribed to the conversation may still show a message from the outbox.
    setTimeout(() => {
      removeListed();
      outbox.removeListed(new Set(thread?.isInUse === true ? [] : messages));
    }, SHOWN_AFTER);
  }
}

/**
 * Reloads the messages from `requests` that are `missing` in the batch or quote a `changed` message. Their responses may be older
 * than the change.
 */
async function reloadLate(
  client: MessagesClient,
  thread: PagedList<Message>,
  requests: Promise<unknown>,
  missing: readonly string[],
  changed: readonly string[],
): Promise<void> {
  const before = new Set(uuidsOf(thread.state().value?.rows));
  await requests;
  const isLate = ({ uuid, reply_to: to }: Message) =>
    !before.has(uuid) && (missing.includes(uuid) || (to !== undefined && changed.includes(to.uuid)));
  const late = uuidsOf(thread.state().value?.rows.filter(isLate));
  if (late.length > 0) {
    await reloadRows(client, thread, late);
  }
}

/** Gives the name and the handle in new messages to the loaded rows of their sender, unless the rows are newer. */
function rename({ client, state }: Lists, group: string, added: readonly Message[]): void {
  const { me, inbox, threads } = client;
  const thread = threads.get(group);
  const newest = added.filter(({ user_uuid: user }) => user !== me.state().value?.uuid).toSorted(byAge).at(-1);
  const known = newest && knownRow(client, group, newest.user_uuid);
  if (newest === undefined || known === undefined || known.created_at >= newest.created_at) {
    return;
  }
  const { user_uuid: user, handle, display_name } = newest;
  if (known.handle === handle && known.display_name === display_name) {
    return;
  }
  state.names.add({ uuid: user, handle, display_name });
  const renamed = <Row extends Message | MessageGroup>(rows: readonly Row[] = []): Row[] =>
    rows.filter((row) => row.user_uuid === user).map((row) => state.names.applied(row));
  inbox.add(renamed(inbox.state().value?.rows));
  thread?.add(renamed(thread.state().value?.rows));
  state.groups.rename(group);
}

function withName<Row extends Message | MessageGroup>(lists: Lists, group: string, row: Row): Row {
  const known = knownUser(lists.client, group, row.user_uuid);
  return known === undefined ? row : { ...row, handle: known.handle, display_name: known.display_name };
}

function knownUser(client: MessagesClient, group: string, user: string): Omit<User, 'uuid'> | undefined {
  const own = client.me.state().value;
  return own?.uuid === user ? own : knownRow(client, group, user);
}

/** A loaded row with the name of another user. */
function knownRow({ inbox, threads }: MessagesClient, group: string, user: string): Message | MessageGroup | undefined {
  const isTheirs = (row: Message | MessageGroup) => row.user_uuid === user;
  return inbox.state().value?.rows.find(isTheirs) ?? threads.get(group)?.state().value?.rows.findLast(isTheirs);
}
