/** How long to wait after the `attempt`-th failure in a row: doubling up to `most`, half of it at random. */
export function backOff(attempt: number, random: number, first = 1000, most = 60_000): number {
  const whole = Math.min(most, first * 2 ** Math.max(0, attempt - 1));
  return Math.round(whole / 2 + (random * whole) / 2);
}
