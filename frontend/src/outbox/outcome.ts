import { ApiError } from '../api/api-error.ts';
import { explain } from '../api/error-texts.ts';
import type { Outcome } from './entry.ts';

/** What an attempt that threw means for the message. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof ApiError)) {
    return { kind: 'refused', reason: explain(error) };
  }
  if (error.status === 401) {
    return { kind: 'signed-out' };
  }
  if (error.passes) {
    return { kind: 'later', problem: explain(error), retryAfter: error.retryAfter };
  }
  return { kind: 'refused', reason: explain(error) };
}
