import { type RefObject, useEffect, useEffectEvent, useRef } from 'react';

/**
 * Calls back when an element comes near the visible part of its box. The returned ref goes on the element.
 *
 * `round` starts a new watch: the element may still be in view after what it asked for has come.
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
    // Without it there is still the button.
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
