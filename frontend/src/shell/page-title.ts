import { useEffect } from 'react';

/** Sets the title of the document. */
export function usePageTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? 'Cruddur Messages' : `${title} · Cruddur Messages`;
  }, [title]);
}
