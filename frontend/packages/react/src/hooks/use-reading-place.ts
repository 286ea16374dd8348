import type { TimelineItem } from '@cruddur/client';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** Distance from the end, in pixels, that counts as the end. */
const NEAR = 40;

/**
 * Keeps the scroll position while a list changes: at the end, the list stays at the end; elsewhere, the visible messages stay
 * where they are. A change of `sends` scrolls to the end.
 */
export function useReadingPlace(items: readonly TimelineItem[], sends: number) {
  const box = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const end = useRef(true);
  /** The scroll position and the height of the list at the last event. */
  const last = useRef({ scrollTop: 0, scrollHeight: 0 });
  const sent = useRef(sends);
  const [shown, setShown] = useState({ items, isPrepending: false });

  // Whether this list has older messages in front of those of the list before. The virtualizer keeps the distance from the
  // end then, and from the start otherwise.
  let { isPrepending } = shown;
  if (shown.items !== items) {
    isPrepending = hasOlder(shown.items, items);
    setShown({ items, isPrepending });
  }

  const onScroll = useCallback(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const { scrollTop, scrollHeight, clientHeight } = element;
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR;
    // The end also moves away when messages are measured, and then the virtualizer may scroll up. A person who scrolls up does
    // not change the height.
    const isByPerson = scrollTop < last.current.scrollTop && scrollHeight === last.current.scrollHeight;
    end.current = isNear || (end.current && !isByPerson);
    last.current = { scrollTop, scrollHeight };
    setAtEnd(end.current);
  }, []);

  /** Reports that the part above the messages has become higher by so many pixels. */
  const onHeadGrowth = useCallback((pixels: number) => {
    if (box.current !== null && !end.current) {
      box.current.scrollTop += pixels;
    }
  }, []);

  const toEnd = useCallback(() => {
    end.current = true;
    setAtEnd(true);
    // Messages that come into view are measured then, and change the height: the observer below follows.
    if (box.current !== null) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, []);

  /** Lets the list leave the end, before it is scrolled to another place. */
  const leaveEnd = useCallback(() => {
    end.current = false;
  }, []);

  useLayoutEffect(() => {
    if (end.current || sent.current !== sends) {
      sent.current = sends;
      toEnd();
    }
  }, [items, sends, toEnd]);

  // The box shrinks when the composer grows or a keyboard opens. Its content grows when messages are measured.
  useEffect(() => {
    const element = box.current;
    if (element === null || typeof ResizeObserver === 'undefined') {
      return undefined;
    }
    const observer = new ResizeObserver(() => {
      if (end.current) {
        element.scrollTop = element.scrollHeight;
      }
    });
    observer.observe(element);
    if (element.firstElementChild !== null) {
      observer.observe(element.firstElementChild);
    }
    return () => observer.disconnect();
  }, []);

  return { box, atEnd, isPrepending, toEnd, leaveEnd, onScroll, onHeadGrowth };
}

/** Whether `after` has the last item of `before`, and more in front of it. */
function hasOlder(before: readonly TimelineItem[], after: readonly TimelineItem[]): boolean {
  const last = before.at(-1);
  return last !== undefined && after.length > before.length && after.at(-1)?.key === last.key;
}
