import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** How near the end counts as being there. */
const NEAR = 40;

interface Anchor {
  key: string;
  top: number;
}

/**
 * Keeps the place where one reads while a list changes around it: who is at the end stays at the end, and whoever is
 * not keeps the same message at the same height, whatever is added above or below.
 *
 * Whoever sends something goes to the end; `sends` counts how often that was.
 *
 * The browsers' own scroll anchoring does nothing at the very top, where older messages are added, and Safari has none.
 */
export function useReadingPlace(sends: number) {
  const box = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const end = useRef(true);
  const anchor = useRef<Anchor | null>(null);
  const sent = useRef(sends);

  const note = useCallback(() => {
    const element = box.current;
    if (element !== null) {
      end.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR;
      anchor.current = firstVisible(element);
      setAtEnd(end.current);
    }
  }, []);

  const toEnd = useCallback(() => {
    end.current = true;
    setAtEnd(true);
    if (box.current !== null) {
      box.current.scrollTop = box.current.scrollHeight;
    }
  }, []);

  // After every change: what changed may be the list or anything around it.
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    if (end.current || sent.current !== sends) {
      sent.current = sends;
      element.scrollTop = element.scrollHeight;
    } else if (anchor.current !== null) {
      const top = topOf(element, anchor.current.key);
      if (top !== null) {
        element.scrollTop += top - anchor.current.top;
      }
    }
    note();
  });

  // The box shrinks when one writes several lines or a keyboard comes up; lines break anew when it gets narrower.
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

  return { box, atEnd, toEnd, onScroll: note };
}

function firstVisible(box: HTMLElement): Anchor | null {
  for (const item of box.querySelectorAll<HTMLElement>('[data-key]')) {
    if (item.offsetTop + item.offsetHeight > box.scrollTop) {
      return { key: item.dataset['key'] ?? '', top: item.offsetTop };
    }
  }
  return null;
}

function topOf(box: HTMLElement, key: string): number | null {
  return box.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"]`)?.offsetTop ?? null;
}
