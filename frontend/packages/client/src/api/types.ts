import type { components } from './schema.ts';

type Schemas = components['schemas'];

export type Code = Schemas['Code'];
export type Message = Schemas['Message'];
export type MessageGroup = Schemas['MessageGroup'];
export type NewMessage = Schemas['NewMessage'];
export type SentMessage = Schemas['SentMessage'];
export type User = Schemas['User'];

/** A page of a list. */
export interface Page<Row> {
  rows: Row[];
  /** The cursor of the next page; null on the last page. */
  next: string | null;
}
