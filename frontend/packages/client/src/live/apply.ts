import type { LogEvent, Message, MessageGroup, User } from '../api/types.ts';
import type { Outbox } from '../outbox/outbox.ts';
import type { PagedList } from '../sync/paged-list.ts';
import type { Batch } from './frames.ts';

/** The lists that events change. */
export interface Lists {
  me: () => User | undefined;
  inbox: PagedList<MessageGroup>;
  threads: ReadonlyMap<string, PagedList<Message>>;
  outbox: Outbox;
  /** Removes the messages from the outbox that their conversations list. */
  removeListed: () => void;
}

/** Milliseconds after which a conversation that no view shows lists its messages. */
const SHOWN_AFTER = 60_000;

/** What events say about a group. */
interface Changes {
  messages: string[];
  /** Whether an event does not say what changed. */
  areUnknown: boolean;
}

/**
 * Changes the lists by events. Loads what the events name and the batch lacks.
 *
 * The rows of a batch have the names at the time of writing. Names from the lists replace them.
 */
export function applyBatch(lists: Lists, { events, messages, groups }: Batch): void {
  const { inbox } = lists;
  const changes = changesOf(events);
  const listed = [...changes.keys()].flatMap((group) => groups.get(group) ?? []);
  // A list is loaded up to the rows that it has at its invalidation, so rows are added after that.
  if (listed.length < changes.size || [...changes.values()].some(({ areUnknown }) => areUnknown)) {
    void inbox.invalidate();
  }
  inbox.add(listed.map((group) => withName(lists, group.uuid, group)));
  for (const [group, changed] of changes) {
    void applyChanges(lists, group, changed, messages);
  }
}

/** Loads everything that may have changed without an event. */
export function applyReset({ inbox, threads }: Lists): void {
  void inbox.invalidate();
  for (const thread of threads.values()) {
    void thread.invalidate();
  }
}

function changesOf(events: readonly LogEvent[]): Map<string, Changes> {
  const changes = new Map<string, Changes>();
  for (const { type, message_group_uuid: group, message_uuids: uuids } of events) {
    const { messages, areUnknown } = changes.get(group) ?? { messages: [], areUnknown: false };
    const isKnown = type === 'message' && Array.isArray(uuids);
    changes.set(group, { messages: [...messages, ...(isKnown ? uuids : [])], areUnknown: areUnknown || !isKnown });
  }
  return changes;
}

/** Adds the messages of a batch to a conversation, loads what it lacks, and removes from the outbox what it lists. */
async function applyChanges(
  lists: Lists,
  group: string,
  { messages, areUnknown }: Changes,
  batch: ReadonlyMap<string, Message>,
): Promise<void> {
  const { threads, outbox, removeListed } = lists;
  const thread = threads.get(group);
  // The newest messages are last.
  const isListed = (uuid: string) => thread?.state().value?.rows.findLast((row) => row.uuid === uuid) !== undefined;
  const isComplete = !areUnknown && messages.every((uuid) => batch.has(uuid) || isListed(uuid));
  const loading = isComplete ? undefined : thread?.invalidate();
  thread?.add(messages.flatMap((uuid) => batch.get(uuid) ?? []).map((message) => withName(lists, group, message)));
  await loading;
  removeListed();
  if (outbox.entries().length > 0) {
    // A view that is not subscribed to the conversation may still show a message from the outbox.
    setTimeout(() => {
      removeListed();
      outbox.removeListed(new Set(thread?.isInUse === true ? [] : messages));
    }, SHOWN_AFTER);
  }
}

function withName<Row extends Message | MessageGroup>(lists: Lists, group: string, row: Row): Row {
  const known = knownUser(lists, group, row.user_uuid);
  return known === undefined ? row : { ...row, handle: known.handle, display_name: known.display_name };
}

function knownUser({ me, inbox, threads }: Lists, group: string, user: string): Omit<User, 'uuid'> | undefined {
  const own = me();
  const isTheirs = (row: Message | MessageGroup) => row.user_uuid === user;
  return own?.uuid === user
    ? own
    : (inbox.state().value?.rows.find(isTheirs) ?? threads.get(group)?.state().value?.rows.findLast(isTheirs));
}
