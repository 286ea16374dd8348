import { ApiError } from '../api/api-error.ts';
import type { Outcome } from './entry.ts';
import { reasonOf } from './reason.ts';

/** The outcome of an attempt that failed with `error`. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof ApiError && error.status === 401) {
    return { kind: 'signed-out' };
  }
  if (error instanceof ApiError && error.isTransient) {
    return { kind: 'later', problem: reasonOf(error), retryAfter: error.retryAfter };
  }
  return { kind: 'refused', reason: reasonOf(error) };
}
