import type { Message } from '../api/types.ts';

/** What orders the images of a message. */
type Versioned = Pick<Message, 'version' | 'edited_at' | 'deleted_at'>;

/** Whether an image of a message is older than another one: images arrive in any order. A deleted message stays deleted. */
export function isOlder(a: Versioned, b: Versioned): boolean {
  if (Boolean(a.deleted_at) !== Boolean(b.deleted_at)) {
    return !a.deleted_at;
  }
  const [before, after] = [a.version ?? 1, b.version ?? 1];
  return before === after ? (a.edited_at ?? '') < (b.edited_at ?? '') : before < after;
}
