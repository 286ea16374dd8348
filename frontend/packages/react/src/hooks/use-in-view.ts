import { type RefObject, useEffect, useEffectEvent, useRef } from 'react';

/**
 * Calls `onInView` when an element comes near the visible part of its box. The returned ref goes on the element.
 *
 * A change of `round` observes the element again: it may still be in view after a page was loaded.
 */
export function useInView(
  box: RefObject<HTMLElement | null>,
  active: boolean,
  onInView: () => void,
  round: string | null,
): RefObject<HTMLDivElement | null> {
  const element = useRef<HTMLDivElement>(null);
  const call = useEffectEvent(onInView);
  useEffect(() => {
    // Without an observer, the button remains.
    if (!active || element.current === null || typeof IntersectionObserver === 'undefined') {
      return undefined;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) {
          call();
        }
      },
      { root: box.current, rootMargin: '300px 0px' },
    );
    observer.observe(element.current);
    return () => observer.disconnect();
  }, [box, active, round]);
  return element;
}
