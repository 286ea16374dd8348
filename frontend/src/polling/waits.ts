/** The longest time, in milliseconds, that timers of browsers take; they fire at once for anything longer. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The milliseconds that a `Retry-After` of `seconds` asks for, at most `most`: a server, or a proxy with a wrong clock,
 * may name any time, and no page may sleep until then.
 */
export function askedWait(seconds: number | null, most: number): number {
  return seconds !== null && seconds > 0 ? Math.min(seconds * 1000, most) : 0;
}
