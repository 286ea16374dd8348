import type { components } from './schema.ts';

type Schemas = components['schemas'];

/** An error code of the API. */
export type Code = Schemas['Code'];
/** An entry in the log of what changed for a user. */
export type LogEvent = Schemas['Event'];
/** A message of a conversation, with its sender. */
export type Message = Schemas['Message'];
/**
 * A conversation in the inbox: the other member, the latest message, and the number of unread ones (100: more than 99). Rows
 * of an earlier API have neither `from_me` nor `unread_count`.
 */
export type MessageGroup = Omit<Schemas['MessageGroup'], 'from_me'> &
  Partial<Pick<Schemas['ListedMessageGroup'], 'from_me' | 'unread_count'>>;
/**
 * A conversation, with what its members have read, and whether the user blocks the other member or has hidden or cleared the
 * conversation. An earlier API has no blocks and settings.
 */
export type ShownGroup = MessageGroup &
  Pick<Schemas['ShownMessageGroup'], 'members'> &
  Partial<Pick<Schemas['ShownMessageGroup'], 'blocked' | 'hidden' | 'cleared_until'>>;
/** What a user changes about a conversation for themselves. Absent settings stay as they are. */
export type MessageGroupSettings = Schemas['MessageGroupSettings'];
/** The body of the request that reports a message. */
export type NewReport = Schemas['NewReport'];
/** Why a user reports a message. */
export type ReportReason = Schemas['ReportReason'];
/** A member of a conversation, and what they have read. */
export type Member = Schemas['Member'];
/** The number of conversations with unread messages among the newest 100, and whether there are more conversations. */
export type Unread = Schemas['Unread'];
/** An emoji, and the users who reacted with it. */
export type Reaction = Schemas['Reaction'];
/** A message of a conversation, by uuid and time. */
export type MessageReference = Schemas['MessageReference'];
/** The body of the request that sends a message. */
export type NewMessage = Schemas['NewMessage'];
/** A stored message, with its group. */
export type SentMessage = Schemas['SentMessage'];
/** The settings that `PATCH /api/me` changes. */
export type Settings = { [Name in keyof Schemas['Settings']]: NonNullable<Schemas['Settings'][Name]> };
/** A user as others see them. */
export type User = Schemas['User'];
/** A user whom the signed-in user blocks, with the time of the block. */
export type BlockedUser = Schemas['BlockedUser'];
/** A connected device of the signed-in user. */
export type Device = Schemas['Device'];
/** The signed-in user, with their settings. An earlier API has none. */
export type Me = User & Partial<Pick<Schemas['Me'], 'read_receipts' | 'messages_from'>>;
/** Who may open a conversation with a user. */
export type MessagesFrom = Schemas['MessagesFrom'];

/** A page of a list. */
export interface Page<Row> {
  rows: Row[];
  /** The cursor of the next page; null on the last page. */
  next: string | null;
}
