import { Avatar } from './components/avatar.tsx';
import { BubbleItem } from './components/bubble.tsx';
import { Composer } from './components/composer.tsx';
import { ConversationHead } from './components/conversation-head.tsx';
import { ConversationProblem } from './components/conversation-problem.tsx';
import { GroupItem } from './components/group-item.tsx';
import { MessageList } from './components/message-list.tsx';
import { NewGroupItem } from './components/new-group-item.tsx';
import { StartConversation } from './components/start-conversation.tsx';

/** The components that `MessagesProvider` can replace. A replacement gets the same props. */
export interface Components {
  Avatar: typeof Avatar;
  BubbleItem: typeof BubbleItem;
  Composer: typeof Composer;
  ConversationHead: typeof ConversationHead;
  ConversationProblem: typeof ConversationProblem;
  GroupItem: typeof GroupItem;
  MessageList: typeof MessageList;
  NewGroupItem: typeof NewGroupItem;
  StartConversation: typeof StartConversation;
}

export const defaultComponents: Components = {
  Avatar,
  BubbleItem,
  Composer,
  ConversationHead,
  ConversationProblem,
  GroupItem,
  MessageList,
  NewGroupItem,
  StartConversation,
};
