import { ApiError } from '../api/api-error.ts';
import { isCode } from '../api/codes.ts';
import type { Code } from '../api/types.ts';
import { fieldsOf } from '../fields.ts';

/** Why something failed. Texts for people are made from it when it is shown. */
export type Reason =
  /** An error of the API. Status 0 is a request without a response; a gateway's response has no codes. */
  | { kind: 'api'; status: number; codes: readonly Code[] }
  /** A bug of the client. */
  | { kind: 'client' }
  /** Stored by another version of the client. */
  | { kind: 'other-version' };

/** The reason for an error of a request. */
export function reasonOf(error: unknown): Reason {
  return error instanceof ApiError ? { kind: 'api', status: error.status, codes: error.codes } : { kind: 'client' };
}

/** Parses a stored reason. Returns null for other values, such as the texts of earlier versions. */
export function parseReason(value: unknown): Reason | null {
  const { kind, status, codes } = fieldsOf(value);
  switch (kind) {
    case 'api':
      return typeof status === 'number' && Array.isArray(codes) ? { kind, status, codes: codes.filter(isCode) } : null;
    case 'client':
    case 'other-version':
      return { kind };
    default:
      return null;
  }
}
