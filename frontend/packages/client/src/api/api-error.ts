import { isCode } from './codes.ts';
import type { Code } from './types.ts';

/** An error response, or a request without a usable response. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; 0 if there was no response, or one that can't be parsed. */
  readonly status: number;
  /** The functions' error codes; empty for a response of the gateway itself. */
  readonly codes: readonly Code[];
  /** `Retry-After` in seconds. */
  readonly retryAfter: number | null;

  constructor(status: number, codes: readonly Code[] = [], retryAfter: number | null = null) {
    super(`${status} ${codes.join(' ')}`.trim());
    this.status = status;
    this.codes = codes;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTransient(): boolean {
    return [0, 408, 429, 500, 502, 503, 504].includes(this.status);
  }

  /** Whether the response has this error code. */
  has(code: Code): boolean {
    return this.codes.includes(code);
  }
}

/** The known codes of an error body. Empty for the gateway's error bodies, which have none. */
export function codesOf(body: unknown): Code[] {
  return Array.isArray(body) ? body.filter(isCode) : [];
}

/** Parses `Retry-After`, a number or a date, into seconds. The result may be infinite. */
export function retryAfterOf(header: string | null, now: number): number | null {
  const text = header?.trim() ?? '';
  // `Date.parse` is lenient: it reads -1 as a day in 2001.
  const seconds = /^\d+$/.test(text) ? Number(text) : /^[A-Z]/i.test(text) ? (Date.parse(text) - now) / 1000 : Number.NaN;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
