import type { Message } from '../api/types.ts';
import type { Change } from '../state/message-changes.ts';

/** Whether a user has a reaction. */
export function hasReaction({ reactions }: Message, emoji: string, user: string): boolean {
  return reactions?.some((reaction) => reaction.emoji === emoji && reaction.user_uuids.includes(user)) === true;
}

/** A message with the changes that are being sent. The same object without such changes. */
export function changedMessage(message: Message, changes: readonly Change[], me: string | undefined): Message {
  return changes.reduce((shown, change) => withChange(shown, change, me), message);
}

function withChange(message: Message, { action, problem }: Change, me: string | undefined): Message {
  if (problem !== null || message.deleted_at) {
    return message;
  }
  switch (action.kind) {
    case 'edit':
      return { ...message, message: action.text, edited_at: message.edited_at ?? message.created_at };
    case 'delete': {
      const { reactions: _, reply_to: __, edited_at: ___, ...rest } = message;
      return { ...rest, message: '', deleted_at: message.created_at };
    }
    case 'react':
      return me === undefined || hasReaction(message, action.emoji, me) === action.isOn
        ? message
        : withReaction(message, action.emoji, me, action.isOn);
  }
}

function withReaction(message: Message, emoji: string, user: string, isOn: boolean): Message {
  const { reactions = [], ...rest } = message;
  const known = reactions.some((reaction) => reaction.emoji === emoji) ? reactions : [...reactions, { emoji, user_uuids: [] }];
  const changed = known.map((reaction) => {
    if (reaction.emoji !== emoji) {
      return reaction;
    }
    const others = reaction.user_uuids.filter((other) => other !== user);
    return { emoji, user_uuids: isOn ? [...others, user] : others };
  });
  const left = changed.filter(({ user_uuids: users }) => users.length > 0);
  return left.length === 0 ? rest : { ...rest, reactions: left };
}
