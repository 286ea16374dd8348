// A chunk of its own: the list of conversations does without it.
export { Conversation } from '@cruddur/react';
