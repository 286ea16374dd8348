import type { MessageGroup, User } from '../api/types.ts';

/** A user, with the handle and name known at the time of writing. */
export interface Recipient {
  uuid: string;
  handle: string;
  name: string;
}

/** A user as a recipient. */
export function recipientOf(user: User): Recipient {
  return { uuid: user.uuid, handle: user.handle, name: user.display_name };
}

/** The other member of a group. */
export function otherMember(group: MessageGroup): Recipient {
  return { uuid: group.user_uuid, handle: group.handle, name: group.display_name };
}

/** Parses a stored recipient. Returns null if a field is missing. */
export function parseRecipient(value: unknown): Recipient | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const { uuid, handle, name }: Partial<Record<keyof Recipient, unknown>> = value;
  return typeof uuid === 'string' && typeof handle === 'string' && typeof name === 'string'
    ? { uuid, handle, name }
    : null;
}
