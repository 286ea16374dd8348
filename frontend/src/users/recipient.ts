import type { MessageGroup, User } from '../api/types.ts';

/** A person, with the handle and name that they had when something was written to them. */
export interface Recipient {
  uuid: string;
  handle: string;
  name: string;
}

export function recipientOf(user: User): Recipient {
  return { uuid: user.uuid, handle: user.handle, name: user.display_name };
}

/** The other member of a group. */
export function otherMember(group: MessageGroup): Recipient {
  return { uuid: group.user_uuid, handle: group.handle, name: group.display_name };
}

/** A recipient as it was kept; null when it is none. */
export function parseRecipient(value: unknown): Recipient | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const { uuid, handle, name }: Partial<Record<keyof Recipient, unknown>> = value;
  return typeof uuid === 'string' && typeof handle === 'string' && typeof name === 'string'
    ? { uuid, handle, name }
    : null;
}
