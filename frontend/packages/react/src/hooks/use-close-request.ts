import { useEffect, useEffectEvent } from 'react';

/** The used part of the browser's interface, which Safari and Firefox lack. */
interface CloseWatcher extends EventTarget {
  destroy: () => void;
}

declare const window: Window & { CloseWatcher?: new () => CloseWatcher };

/**
 * Lets Android's Back close what is open, the topmost first, in place of leaving the page. The browser itself closes modal
 * dialogs and popovers of the kind `auto`.
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
