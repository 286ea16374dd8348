import { useState } from 'react';
import type { Day } from './timeline.ts';

/** The number of the other user's messages since the list was last at its end. */
export function useUnread(days: readonly Day[], atEnd: boolean): number {
  const listed = days.flatMap(({ bubbles }) => bubbles).filter(({ entry }) => entry === null);
  const newest = listed.at(-1)?.key ?? null;
  const [seen, setSeen] = useState(newest);
  if (atEnd && seen !== newest) {
    setSeen(newest);
  }
  if (atEnd || seen === null) {
    return 0;
  }
  const index = listed.findIndex(({ key }) => key === seen);
  return listed.slice(index + 1).filter(({ own }) => !own).length;
}
