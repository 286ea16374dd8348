import { type Bubble, type MessageReference, millisOf } from '@cruddur/client';

/** Milliseconds in which a message may be edited, by the default of the API. */
const EDIT_WINDOW = 15 * 60_000;

/** The message as the server knows it, also before the conversation lists it. Null for an unsent or deleted message. */
export function storedMessage({ message, entry, isDeleted }: Bubble): MessageReference | null {
  const sent = entry?.state.name === 'sent' ? entry.state.message : null;
  return isDeleted ? null : (message ?? sent);
}

/** Whether an own message is young enough to be edited. The server decides by its own clock. */
export function isEditable(bubble: Bubble, now = Date.now()): boolean {
  const message = bubble.own ? storedMessage(bubble) : null;
  return message !== null && now - millisOf(message.created_at) < EDIT_WINDOW;
}
