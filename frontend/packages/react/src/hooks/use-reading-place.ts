import type { TimelineItem } from '@cruddur/client';
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** Distance from the end, in pixels, that counts as the end. */
const NEAR = 40;

/** Milliseconds after a change of the list's height, or a request to scroll, in which the virtualizer may scroll. */
const SETTLED = 500;

/** Milliseconds between what a person does and the scrolling that it causes. */
const REACTION = 200;

/** What scrolls up, besides a wheel and a finger. */
const KEYS = new Set(['ArrowUp', 'PageUp', 'Home', ' ', 'Tab']);

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
  /** When the height changed, and when a person did what may scroll the list. */
  const times = useRef({ change: 0, person: 0 });
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
    const now = performance.now();
    if (scrollHeight !== last.current.scrollHeight) {
      times.current.change = now;
    }
    const isNear = scrollHeight - scrollTop - clientHeight < NEAR;
    // The end also moves away when messages are measured, and the virtualizer may scroll up then.
    const isByPerson = now - times.current.person < REACTION || now - times.current.change > SETTLED;
    end.current = isNear || (end.current && !(isByPerson && scrollTop < last.current.scrollTop));
    last.current = { scrollTop, scrollHeight };
    setAtEnd(end.current);
    if (end.current && !isNear) {
      element.scrollTop = scrollHeight;
    }
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
    setAtEnd(false);
    // Without a move, there is no event.
    setTimeout(onScroll, SETTLED);
  }, [onScroll]);

  useLayoutEffect(() => {
    if (end.current || sent.current !== sends) {
      sent.current = sends;
      toEnd();
    }
  }, [items, sends, toEnd]);

  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    const listening = new AbortController();
    const options = { signal: listening.signal, passive: true };
    const note = () => {
      times.current.person = performance.now();
    };
    element.addEventListener('wheel', note, options);
    element.addEventListener('touchmove', note, options);
    element.addEventListener('keydown', ({ key, target }) => KEYS.has(key) && !(target instanceof HTMLTextAreaElement) && note(), options);
    // A drag of the scroll bar, and a selection that leaves the list.
    element.addEventListener('pointermove', ({ buttons }) => buttons !== 0 && note(), options);
    return () => listening.abort();
  }, []);

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
