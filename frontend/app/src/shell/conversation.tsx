// A chunk of its own: the list of conversations does without it.
import '@cruddur/react/styles/overlays.css';
import '@cruddur/react/styles/conversation.css';
import { registerServiceWorker } from '../service-worker.ts';

export { BlockedPeople, Conversation, InboxRequests, Shortcuts } from '@cruddur/react';
export { Notifications } from './notifications.tsx';
export { UnreadCount } from './unread-count.tsx';

// After the start, so that the files that it stores do not delay the list.
void registerServiceWorker();
