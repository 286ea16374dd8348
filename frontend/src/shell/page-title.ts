import { useEffect } from 'react';

/** Sets what the window is called. */
export function usePageTitle(title: string | null): void {
  useEffect(() => {
    document.title = title === null ? 'Cruddur Messages' : `${title} · Cruddur Messages`;
  }, [title]);
}
