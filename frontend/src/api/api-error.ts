import { isCode } from './code-texts.ts';
import type { Code } from './types.ts';

/** An answer that is no success, or no answer at all. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** 0 when no answer came, or none that can be read. */
  readonly status: number;
  /** What the functions say is wrong; empty when the gateway answered by itself. */
  readonly codes: readonly Code[];
  /** Seconds the server asks to wait. */
  readonly retryAfter: number | null;

  constructor(status: number, codes: readonly Code[] = [], retryAfter: number | null = null) {
    super(`${status} ${codes.join(' ')}`.trim());
    this.status = status;
    this.codes = codes;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get passes(): boolean {
    return [0, 408, 429, 500, 502, 503, 504].includes(this.status);
  }

  has(code: Code): boolean {
    return this.codes.includes(code);
  }
}

/** The codes of an error's body: of the functions' form those that are known, of the gateway's none. */
export function codesOf(body: unknown): Code[] {
  return Array.isArray(body) ? body.filter(isCode) : [];
}

/** The seconds of `Retry-After`, a number or a date. May be infinite. */
export function retryAfterOf(header: string | null, now: number): number | null {
  const text = header?.trim() ?? '';
  // `Date.parse` is lenient: it reads -1 as a day in 2001.
  const seconds = /^\d+$/.test(text) ? Number(text) : /^[A-Z]/i.test(text) ? (Date.parse(text) - now) / 1000 : Number.NaN;
  return Number.isNaN(seconds) ? null : Math.max(0, seconds);
}
