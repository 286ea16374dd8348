import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react';

/** Distance from the end, in pixels, that counts as the end. */
const NEAR = 40;

interface Anchor {
  key: string;
  top: number;
}

/**
 * Keeps the scroll position while a list changes: at the end, the list stays at the end; elsewhere, the first visible
 * message stays where it is. A change of `sends` scrolls to the end.
 *
 * Browsers' own scroll anchoring does not work at the very top, where older messages are added, and Safari has none.
 */
export function useScrollAnchor(sends: number) {
  const box = useRef<HTMLElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const end = useRef(true);
  const anchor = useRef<Anchor | null>(null);
  const sent = useRef(sends);

  const record = useCallback(() => {
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

  // After every render: the list or anything around it may have changed.
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
    record();
  });

  // The box shrinks when the composer grows or a keyboard opens. Its content grows when it gets narrower.
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

  return { box, atEnd, toEnd, onScroll: record };
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
