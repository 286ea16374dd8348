/** The longest delay that browser timers support, in milliseconds. Timers with a longer delay fire at once. */
export const MAX_TIMER_DELAY = 2 ** 31 - 1;

/** Milliseconds to wait after the `attempt`-th failure in a row: doubles up to `most`, and half of it is random. */
export function backOff(attempt: number, random: number, first = 1000, most = 60_000): number {
  const whole = Math.min(most, first * 2 ** Math.max(0, attempt - 1));
  return Math.round(whole / 2 + (random * whole) / 2);
}

/**
 * A `Retry-After` of `seconds` in milliseconds, at most `most`: a server, or a proxy with a wrong clock, may ask for any
 * time.
 */
export function retryAfterMillis(seconds: number | null, most: number): number {
  return seconds !== null && seconds > 0 ? Math.min(seconds * 1000, most) : 0;
}
