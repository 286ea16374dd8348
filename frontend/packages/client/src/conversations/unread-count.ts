import type { LogEvent, Message, MessageGroup } from '../api/types.ts';
import { MAX_UNREAD, countOfOthers } from './reading.ts';
import { byAge } from './thread.ts';
import { isOlder } from './versions.ts';

/** What events say about a group, and what is known of it. */
export interface Occurrence {
  /** The row of the inbox; undefined if it is not loaded. */
  known: MessageGroup | undefined;
  /** The row that came with the events; it has no number of unread messages. */
  row: MessageGroup | undefined;
  /** The listed messages of the conversation, oldest first. */
  listed: readonly Message[];
  /** The messages that came with the events, by uuid. */
  batch: ReadonlyMap<string, Message>;
  /** The new and the changed messages that the events name. */
  messages: readonly string[];
  changed: readonly string[];
  /** The user's last reading; undefined if there is none. */
  read: Pick<LogEvent, 'last_read_message_uuid' | 'last_read_at'> | undefined;
}

/** The row of the inbox after events; null if the events do not tell it. Undefined if it is the same. */
export function rowAfter(occurrence: Occurrence): MessageGroup | null | undefined {
  const { known, row, messages, changed, read } = occurrence;
  const shown = row ?? known;
  if (shown === undefined) {
    return messages.length > 0 ? null : undefined;
  }
  if (known !== undefined && known.unread_count === undefined) {
    // An earlier version of the API does not count.
    return row;
  }
  const isOwn = ({ user_uuid: user }: Message) => user !== shown.user_uuid;
  let count: number | null | undefined = known?.unread_count;
  if (messages.length > 0) {
    count = read === undefined ? afterMessages(occurrence, isOwn) : null;
  } else if (read !== undefined) {
    count = afterReading(occurrence, shown, isOwn);
  }
  const isCounted = count === 0 || changed.every((uuid) => !mayBeDeletedUnread(occurrence.batch.get(uuid), isOwn));
  const isShown = row !== undefined || changed.length === 0 || isNewestSame(occurrence);
  if (count === null || !isCounted || !isShown) {
    return null;
  }
  return known === undefined && count === undefined ? undefined : { ...shown, ...(count !== undefined && { unread_count: count }) };
}

/** The number of unread messages after new ones. An own message is read, and so are those before it. */
function afterMessages({ known, listed, batch, messages }: Occurrence, isOwn: (message: Message) => boolean): number | null {
  const end = known?.created_at ?? '';
  const listing = (uuid: string) => listed.findLast((message) => message.uuid === uuid);
  const newest = (uuid: string) => {
    const [fresh, before] = [batch.get(uuid), listing(uuid)];
    return fresh !== undefined && before !== undefined && isOlder(fresh, before) ? before : (fresh ?? before);
  };
  const added = messages.flatMap((uuid) => newest(uuid) ?? []).filter(({ created_at: at }) => at > end);
  if (!messages.every((uuid) => listing(uuid) !== undefined || added.some((message) => message.uuid === uuid))) {
    // A message before the known end may be counted already.
    return null;
  }
  const sorted = added.toSorted(byAge);
  const lastOwn = sorted.findLastIndex(isOwn);
  if (lastOwn >= 0) {
    return countOfOthers(sorted.slice(lastOwn), isOwn);
  }
  const before = known?.unread_count;
  return before === undefined ? null : Math.min(MAX_UNREAD, before + countOfOthers(sorted, isOwn));
}

/** The number of unread messages after a reading. Own messages that were sent later are read, too. */
function afterReading(
  { listed, read }: Occurrence,
  shown: MessageGroup,
  isOwn: (message: Message) => boolean,
): number | null {
  const index = listed.findLastIndex(({ uuid }) => uuid === read?.last_read_message_uuid);
  if (index < 0 || (listed.at(-1)?.created_at ?? '') < shown.created_at) {
    return null;
  }
  const later = listed.slice(index + 1);
  const isSentLater = (message: Message) => !isOwn(message) || message.created_at > (read?.last_read_at ?? '');
  return later.every(isSentLater) ? countOfOthers(later.slice(later.findLastIndex(isOwn) + 1), isOwn) : null;
}

function mayBeDeletedUnread(message: Message | undefined, isOwn: (message: Message) => boolean): boolean {
  return message === undefined || (Boolean(message.deleted_at) && !isOwn(message));
}

/** Whether the newest message is known and has not changed. */
function isNewestSame({ known, listed, changed }: Occurrence): boolean {
  const newest = listed.at(-1);
  return newest !== undefined && newest.created_at === known?.created_at && !changed.includes(newest.uuid);
}
