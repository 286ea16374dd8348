import { useEffect } from 'react';
import { usePageTexts } from '../texts/texts.tsx';

/** Sets the title of the document. `unread` is the number of unread conversations, such as "3" or "100+"; empty for none. */
export function usePageTitle(title: string | null, unread = ''): void {
  const { text } = usePageTexts();
  const app = text('app');
  const named = title === null ? app : text('title', { title, app });
  const whole = unread === '' ? named : text('title.unread', { count: unread, title: named });
  useEffect(() => {
    document.title = whole;
  }, [whole]);
}
