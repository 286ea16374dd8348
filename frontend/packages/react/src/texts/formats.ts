import { dayNumber } from '@cruddur/client';
import type { BaseTexts } from './messages-texts.ts';

const formats = new Map<string, Intl.DateTimeFormat>();

/** A cached format in a time zone, by default the reader's: creating one is slow. */
export function format(locale: string, options: Intl.DateTimeFormatOptions, timeZone?: string): Intl.DateTimeFormat {
  const key = JSON.stringify([locale, options, timeZone]);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale, timeZone === undefined ? options : { ...options, timeZone });
    formats.set(key, made);
  }
  return made;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A short relative time. Times in the future, which a wrong clock causes, are "now". */
export function relativeTime({ locale, text }: BaseTexts, at: number, now: number, timeZone?: string): string {
  const ago = now - at;
  if (ago < MINUTE) {
    return text('time.now');
  }
  if (ago < HOUR) {
    return text('time.minutes', { count: Math.floor(ago / MINUTE) });
  }
  const days = dayNumber(now, timeZone) - dayNumber(at, timeZone);
  if (days === 0) {
    return clockTime(locale, at, timeZone);
  }
  if (days === 1) {
    return text('time.yesterday');
  }
  if (days < 7) {
    return format(locale, { weekday: 'long' }, timeZone).format(at);
  }
  if (days < 300) {
    return format(locale, { day: 'numeric', month: 'short' }, timeZone).format(at);
  }
  return format(locale, { day: 'numeric', month: 'short', year: 'numeric' }, timeZone).format(at);
}

/** Hours and minutes, with 12 or 24 hours as the locale has them. */
export function clockTime(locale: string, at: number, timeZone?: string): string {
  return format(locale, { timeStyle: 'short' }, timeZone).format(at);
}

/** A number in the digits of the locale. */
export function plainNumber(locale: string, number: number): string {
  return number.toLocaleString(locale);
}

/** The date and the time to the second. */
export function exactTime(locale: string, at: number, timeZone?: string): string {
  return format(locale, { dateStyle: 'full', timeStyle: 'medium' }, timeZone).format(at);
}
