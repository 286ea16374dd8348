import type { Recipient } from '@cruddur/client';

/** A conversation, by its group or by the other user's handle. */
export type Place = GroupPlace | HandlePlace;

/** A conversation by its group. */
export interface GroupPlace {
  kind: 'group';
  uuid: string;
  /** The other user, if known. */
  person?: Recipient | undefined;
  /** The key of the new conversation that became this group. */
  key?: string | undefined;
}

/** A conversation by the other user's handle, which may have no group yet. */
export interface HandlePlace {
  kind: 'handle';
  handle: string;
  /** The other user, even if another user has the handle now. */
  person?: Recipient | undefined;
  /** Whether the person was picked when asked. */
  chosen?: boolean | undefined;
}

/** Whether two places are the same conversation, as far as the places tell. */
export function isSamePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) {
    return a === b;
  }
  return a.kind === 'group'
    ? b.kind === 'group' && a.uuid === b.uuid
    : b.kind === 'handle' && a.handle.toLowerCase() === b.handle.toLowerCase();
}
