import { fieldsOf } from '../fields.ts';

/** How long a token is valid, in milliseconds; infinite if the token does not tell. */
export interface TokenLife {
  /** From now, by this device's clock. Not positive if it has expired, or the clock is ahead. */
  left: number;
  /** From its issue. */
  whole: number;
}

/** Reads the claims of an access token without checking its signature. */
export function tokenLife(token: string, now: number): TokenLife {
  const { exp, iat } = claimsOf(token);
  const end = typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
  return { left: end - now, whole: typeof iat === 'number' ? end - iat * 1000 : Number.POSITIVE_INFINITY };
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const part = token.split('.')[1] ?? '';
    return fieldsOf(JSON.parse(atob(part.replaceAll('-', '+').replaceAll('_', '/'))));
  } catch {
    return {};
  }
}
