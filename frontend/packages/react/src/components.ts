import type { ComponentType } from 'react';
import type { AvatarProps } from './components/avatar.tsx';
import type { BubbleItemProps } from './components/bubble.tsx';
import type { ComposerProps } from './components/composer.tsx';
import type { ConversationHeadProps } from './components/conversation-head.tsx';
import type { ConversationProblemProps } from './components/conversation-problem.tsx';
import type { ConversationSearchProps } from './components/conversation-search.tsx';
import type { EmojiPickerProps } from './components/emoji-picker.tsx';
import type { GroupItemProps } from './components/group-item.tsx';
import type { MessageListProps } from './components/message-list.tsx';
import type { NewGroupItemProps } from './components/new-group-item.tsx';

/** Components to use in place of those of this package. A replacement gets the same props. */
export interface Components {
  Avatar?: ComponentType<AvatarProps>;
  BubbleItem?: ComponentType<BubbleItemProps>;
  Composer?: ComponentType<ComposerProps>;
  ConversationHead?: ComponentType<ConversationHeadProps>;
  ConversationProblem?: ComponentType<ConversationProblemProps>;
  ConversationSearch?: ComponentType<ConversationSearchProps>;
  EmojiPicker?: ComponentType<EmojiPickerProps>;
  GroupItem?: ComponentType<GroupItemProps>;
  MessageList?: ComponentType<MessageListProps>;
  NewGroupItem?: ComponentType<NewGroupItemProps>;
}
