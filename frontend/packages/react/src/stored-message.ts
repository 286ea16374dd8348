import type { Bubble, MessageReference } from '@cruddur/client';

/** The message as the server knows it, also before the conversation lists it. Null for an unsent or deleted message. */
export function storedMessage({ message, entry, isDeleted }: Bubble): MessageReference | null {
  const sent = entry?.state.name === 'sent' ? entry.state.message : null;
  return isDeleted ? null : (message ?? sent);
}
