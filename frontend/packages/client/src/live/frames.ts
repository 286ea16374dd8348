import { isEvent, isMessage, isMessageGroup } from '../api/api.ts';
import type { LogEvent, Message, MessageGroup } from '../api/types.ts';
import { fieldsOf } from '../fields.ts';

/** Events in their order, and the rows of the lists that came with them, by uuid. */
export interface Batch {
  events: readonly LogEvent[];
  messages: ReadonlyMap<string, Message>;
  groups: ReadonlyMap<string, MessageGroup>;
}

/** A row of the log, as it comes over the socket. */
export interface Frame extends Batch {
  number: number;
  cursor: string;
}

/** Parses a text from the socket. Returns null for others than frames with events, such as pongs. */
export function parseFrame(text: unknown): Frame | null {
  let fields: Record<string, unknown>;
  try {
    fields = fieldsOf(JSON.parse(String(text)));
  } catch {
    return null;
  }
  const { type, number, cursor, events } = fields;
  const isFrame = type === 'events' && Number.isSafeInteger(number) && typeof cursor === 'string';
  if (!isFrame || !Array.isArray(events) || !events.every(isEvent)) {
    return null;
  }
  return {
    number: Number(number),
    cursor,
    events,
    messages: byUuid(fields['messages'], isMessage),
    groups: byUuid(fields['message_groups'], isMessageGroup),
  };
}

/** The valid rows. The client requests those that are missing. */
function byUuid<Row extends { uuid: string }>(rows: unknown, isRow: (row: unknown) => row is Row): Map<string, Row> {
  return new Map(Array.isArray(rows) ? rows.filter(isRow).map((row) => [row.uuid, row]) : []);
}

/** The number at the beginning of a cursor; NaN if there is none. */
export function numberOf(cursor: string): number {
  try {
    return Number.parseInt(atob(cursor.replaceAll('-', '+').replaceAll('_', '/')), 10);
  } catch {
    return Number.NaN;
  }
}
