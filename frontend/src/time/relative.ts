import { dayNumber, format } from './days.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A short relative time. Times in the future, which a wrong clock causes, are `now`. */
export function relativeTime(at: number, now: number, timeZone?: string): string {
  const ago = now - at;
  if (ago < MINUTE) {
    return 'now';
  }
  if (ago < HOUR) {
    return `${Math.floor(ago / MINUTE)} min`;
  }
  const days = dayNumber(now, timeZone) - dayNumber(at, timeZone);
  if (days === 0) {
    return clockTime(at, timeZone);
  }
  if (days === 1) {
    return 'Yesterday';
  }
  if (days < 7) {
    return format({ weekday: 'long' }, timeZone).format(at);
  }
  if (days < 300) {
    return format({ day: 'numeric', month: 'short' }, timeZone).format(at);
  }
  return format({ day: 'numeric', month: 'short', year: 'numeric' }, timeZone).format(at);
}

/** Hours and minutes. */
export function clockTime(at: number, timeZone?: string): string {
  return format({ hour: '2-digit', minute: '2-digit' }, timeZone).format(at);
}

/** The date and the time to the second. */
export function exactTime(at: number, timeZone?: string): string {
  return format({ dateStyle: 'full', timeStyle: 'medium' }, timeZone).format(at);
}
