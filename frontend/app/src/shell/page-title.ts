import { useEffect } from 'react';
import { usePageTexts } from '../texts/texts.tsx';

/** Sets the title of the document. */
export function usePageTitle(title: string | null): void {
  const { text } = usePageTexts();
  const app = text('app');
  const whole = title === null ? app : text('title', { title, app });
  useEffect(() => {
    document.title = whole;
  }, [whole]);
}
