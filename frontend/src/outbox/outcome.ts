import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import type { Outcome } from './entry.ts';

/** The outcome of an attempt that failed with `error`. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ApiError)) {
    return { kind: 'refused', reason: explain(error) };
  }
  if (error.status === 401) {
    return { kind: 'signed-out' };
  }
  if (error.isTransient) {
    return { kind: 'later', problem: explain(error), retryAfter: error.retryAfter };
  }
  return { kind: 'refused', reason: explain(error) };
}
