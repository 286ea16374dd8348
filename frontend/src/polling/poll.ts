import { notifyManager, type QueryCache, type QueryState, useQueryClient } from '@tanstack/react-query';
import { useCallback, useSyncExternalStore } from 'react';
import { ApiError } from '../api/api-error.ts';
import { backOff, retryAfterMillis } from './back-off.ts';

const VISIBLE = 3000;
const HIDDEN = 60_000;
/** The longest pause that a server can ask for. */
const MAX_RETRY_AFTER = 60_000;

type Failures = Pick<QueryState, 'error' | 'errorUpdateCount' | 'errorUpdatedAt'>;

/**
 * Milliseconds to the next request of a polled query.
 *
 * Polls do not use `retry`: TanStack Query hides the error while it retries, and does not retry on a hidden page.
 */
export function pollInterval({ state: { error, errorUpdateCount, errorUpdatedAt } }: { state: Failures }): number {
  const least = document.visibilityState === 'visible' ? VISIBLE : HIDDEN;
  if (errorUpdateCount === 0) {
    return least;
  }
  const asked = error instanceof ApiError ? retryAfterMillis(error.retryAfter, MAX_RETRY_AFTER) : 0;
  // Random, but fixed per failure: TanStack Query restarts the timer if a render computes another interval.
  const random = (errorUpdatedAt % 1000) / 1000;
  return Math.max(least, asked, backOff(errorUpdateCount, random, 2 * VISIBLE));
}

/** The options of a polled query. */
export const POLL = { refetchInterval: pollInterval, meta: { isPoll: true } };

/**
 * Makes `errorUpdateCount` count failures in a row: TanStack Query counts all failures of a query. The count restarts
 * after a success, and when the last component that uses the query unmounts.
 */
export function countFailuresInARow(cache: QueryCache): void {
  cache.subscribe((event) => {
    const { query } = event;
    const isOver =
      (event.type === 'updated' && event.action.type === 'success' && event.action.manual !== true) ||
      (event.type === 'observerRemoved' && query.getObserversCount() === 0);
    if (isOver && query.state.errorUpdateCount > 0) {
      query.setState({ errorUpdateCount: 0 });
    }
  });
}

/** Whether a poll failed twice in a row. A single failure may be chance. */
export function isTroubled(cache: QueryCache): boolean {
  return cache
    .findAll({ type: 'active' })
    .some(({ meta, state }) => meta?.['isPoll'] === true && state.errorUpdateCount > 1);
}

export function useIsTroubled(): boolean {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore(
    useCallback((listener: () => void) => cache.subscribe(notifyManager.batchCalls(listener)), [cache]),
    () => isTroubled(cache),
  );
}
