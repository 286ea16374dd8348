import type { TimelineItem } from '@cruddur/client';
import { type RefObject, useLayoutEffect, useRef } from 'react';
import { moveFrom } from '../motion.ts';
import { rowOf } from '../rows.ts';

/** Lets messages that arrive at the end appear with a short motion. Messages that are loaded or scrolled in have none. */
export function useArrivals(items: readonly TimelineItem[], box: RefObject<HTMLElement | null>): void {
  const shown = useRef(items);
  useLayoutEffect(() => {
    const last = shown.current.at(-1)?.key;
    const index = items.findLastIndex(({ key }) => key === last);
    shown.current = items;
    if (index === -1 || index === items.length - 1) {
      return;
    }
    const arrived = items.slice(index + 1).filter(hasArrived);
    // The rows are in the document after the list was scrolled to them.
    requestAnimationFrame(() => {
      for (const { key } of arrived) {
        moveFrom(rowOf(box.current, key), { opacity: 0, translate: '0 0.5rem' });
      }
    });
  }, [items, box]);
}

/** An own message gets another key when it is stored, and has appeared before. */
function hasArrived(item: TimelineItem): boolean {
  return item.kind === 'bubble' && (!item.own || (item.entry !== null && item.entry.state.name !== 'sent'));
}
