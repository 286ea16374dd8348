/** What a person changes about a conversation for themselves. */
export interface ConversationSettings {
  /** Mutes the conversation until a time; null ends the mute. */
  mute: (until: string | null) => void;
  /** Removes the conversation from the inbox until its next message. */
  hide: () => void;
  /** Removes all messages for the person alone. */
  clear: () => void;
}
