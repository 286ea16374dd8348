import type { TimelineItem } from '@cruddur/client';
import { useState } from 'react';

/** The number of the other user's messages since the list was last at its end. */
export function useUnread(items: readonly TimelineItem[], atEnd: boolean): number {
  const newest = items.findLast((item) => item.kind === 'bubble' && item.entry === null)?.key ?? null;
  const [seen, setSeen] = useState(newest);
  if (atEnd && seen !== newest) {
    setSeen(newest);
  }
  if (atEnd || seen === null) {
    return 0;
  }
  // A message that is no longer listed was followed by all that are.
  const index = items.findLastIndex(({ key }) => key === seen);
  return items.slice(index + 1).filter((item) => item.kind === 'bubble' && item.entry === null && !item.own).length;
}
