import type { components } from './schema.ts';

type Schemas = components['schemas'];

/** An error code of the API. */
export type Code = Schemas['Code'];
/** An entry in the log of what changed for a user. */
export type LogEvent = Schemas['Event'];
/** A message of a conversation, with its sender. */
export type Message = Schemas['Message'];
/** A conversation in the inbox: the other member, and the latest message. */
export type MessageGroup = Schemas['MessageGroup'];
/** The body of the request that sends a message. */
export type NewMessage = Schemas['NewMessage'];
/** A stored message, with its group. */
export type SentMessage = Schemas['SentMessage'];
/** A user as others see them. */
export type User = Schemas['User'];

/** A page of a list. */
export interface Page<Row> {
  rows: Row[];
  /** The cursor of the next page; null on the last page. */
  next: string | null;
}
