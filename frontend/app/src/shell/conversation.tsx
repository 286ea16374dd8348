// A chunk of its own: the list of conversations does without it.
import '@cruddur/react/styles/overlays.css';
import '@cruddur/react/styles/conversation.css';

export { BlockedPeople, Conversation, InboxRequests, Shortcuts } from '@cruddur/react';
export { Notifications } from './notifications.tsx';
export { UnreadCount } from './unread-count.tsx';
