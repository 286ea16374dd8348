import type { Avatar } from './components/avatar.tsx';
import type { BubbleItem } from './components/bubble.tsx';
import type { Composer } from './components/composer.tsx';
import type { ConversationHead } from './components/conversation-head.tsx';
import type { ConversationProblem } from './components/conversation-problem.tsx';
import type { GroupItem } from './components/group-item.tsx';
import type { MessageList } from './components/message-list.tsx';
import type { NewGroupItem } from './components/new-group-item.tsx';

/** Components to use in place of those of this package. A replacement gets the same props. */
export interface Components {
  Avatar?: typeof Avatar;
  BubbleItem?: typeof BubbleItem;
  Composer?: typeof Composer;
  ConversationHead?: typeof ConversationHead;
  ConversationProblem?: typeof ConversationProblem;
  GroupItem?: typeof GroupItem;
  MessageList?: typeof MessageList;
  NewGroupItem?: typeof NewGroupItem;
}
