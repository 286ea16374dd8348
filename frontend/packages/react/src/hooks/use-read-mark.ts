import { useEffect, useEffectEvent } from 'react';

/**
 * Calls `onRead` when the end of the messages is visible in a window with the focus: with each newest message, when the window
 * gets the focus, and when `openings` changes.
 */
export function useReadMark(isVisible: boolean, newest: string | null, openings: number, onRead: () => void): void {
  const read = useEffectEvent(() => {
    if (document.visibilityState === 'visible' && document.hasFocus()) {
      onRead();
    }
  });
  useEffect(() => {
    if (!isVisible || newest === null) {
      return undefined;
    }
    read();
    const onFocus = () => read();
    window.addEventListener('focus', onFocus);
    return () => window.removeEventListener('focus', onFocus);
  }, [isVisible, newest, openings]);
}
