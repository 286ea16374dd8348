import type { Bubble, ReportReason } from '@cruddur/client';

/** What a person can do with a message. */
export interface MessageActions {
  /** Whether the person blocks the other user. The server rejects reactions, replies and edits then. */
  isBlocked: boolean;
  /** Adds or removes a reaction. */
  react: (bubble: Bubble, emoji: string, isOn: boolean) => void;
  reply: (bubble: Bubble) => void;
  /** Opens the text field in the place of the message. */
  edit: (bubble: Bubble) => void;
  markUnread: (bubble: Bubble) => void;
  /** Deletes the message for both members. */
  remove: (bubble: Bubble) => void;
  /** Reports the message of the other user. Rejects with an `ApiError`. */
  report: (bubble: Bubble, reason: ReportReason) => Promise<void>;
  /** Blocks the other user. */
  block: () => void;
}
