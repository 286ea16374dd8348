import { useTexts, useUnreadConversations } from '@cruddur/react';
import { useEffect } from 'react';
import { setBadge } from '../badge.ts';

/**
 * Reports the number of unread conversations for the title of the document: empty for none, with a plus for "or more". The icon
 * of the installed page has the same number until the sign-out.
 */
export function UnreadCount({ onCount }: { onCount: (count: string) => void }) {
  const { locale } = useTexts();
  const unread = useUnreadConversations();
  const { conversations = 0, more = false } = unread ?? {};
  const number = conversations.toLocaleString(locale);
  const count = conversations === 0 ? '' : more ? `${number}+` : number;
  useEffect(() => onCount(count), [onCount, count]);
  const isKnown = unread !== undefined;
  useEffect(() => {
    if (isKnown) {
      void setBadge(conversations);
    }
  }, [isKnown, conversations]);
  useEffect(() => () => void setBadge(0), []);
  return null;
}
