import type { Bubble } from '@cruddur/client';
import { createContext } from 'react';
import type { MessageActions } from '../message-actions.ts';

/** What a conversation offers to its messages. It stays the same object, so that a change does not render all messages. */
export interface OwnConversationValue extends MessageActions {
  /** The other user's name; empty until known. */
  otherName: string;
  /** The text of the field in the place of a message as it was typed so far; empty if it is unchanged. */
  readEdit: () => string;
  writeEdit: (text: string) => void;
  /** Removes the field and its text. */
  endEdit: () => void;
  /** Changes the text of a message. */
  save: (bubble: Bubble, text: string) => void;
}

export interface ConversationContextValue extends OwnConversationValue {
  /** Scrolls to a message, if it is loaded. */
  show: (key: string) => void;
}

export const ConversationContext = createContext<ConversationContextValue | null>(null);
