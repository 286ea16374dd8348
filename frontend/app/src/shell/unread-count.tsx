import { useTexts, useUnreadConversations } from '@cruddur/react';
import { useEffect } from 'react';

/** Reports the number of unread conversations for the title of the document: empty for none, with a plus for "or more". */
export function UnreadCount({ onCount }: { onCount: (count: string) => void }) {
  const { locale } = useTexts();
  const { conversations = 0, more = false } = useUnreadConversations() ?? {};
  const number = conversations.toLocaleString(locale);
  const count = conversations === 0 ? '' : more ? `${number}+` : number;
  useEffect(() => onCount(count), [onCount, count]);
  return null;
}
