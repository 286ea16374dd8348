import { useEffect, useEffectEvent } from 'react';

/** The part of the browser's interface that is used here. Safari and Firefox have none, and their devices no such button. */
interface CloseWatcher extends EventTarget {
  destroy: () => void;
}

declare const window: Window & { CloseWatcher?: new () => CloseWatcher };

/**
 * Lets Android's Back close what is open, the topmost first, in place of leaving the page. Not needed for a modal dialog,
 * which the browser closes itself.
 */
export function useCloseRequest(onClose: () => void): void {
  const close = useEffectEvent(onClose);
  useEffect(() => {
    if (window.CloseWatcher === undefined) {
      return undefined;
    }
    const watcher = new window.CloseWatcher();
    watcher.addEventListener('close', () => close());
    return () => watcher.destroy();
  }, []);
}
