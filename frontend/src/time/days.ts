// The page is in English, and so are its dates. The time zone is the reader's.
const LOCALE = 'en-GB';

const formats = new Map<string, Intl.DateTimeFormat>();

/** A cached format in a time zone, by default the reader's: creating one is slow. */
export function format(options: Intl.DateTimeFormatOptions, timeZone?: string): Intl.DateTimeFormat {
  const key = JSON.stringify([options, timeZone]);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(LOCALE, timeZone === undefined ? options : { ...options, timeZone });
    formats.set(key, made);
  }
  return made;
}

/** The calendar day as a number of days since 1970. */
export function dayNumber(at: number, timeZone?: string): number {
  const parts = new Map(
    format({ year: 'numeric', month: 'numeric', day: 'numeric' }, timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(parts.get('year') ?? 0, (parts.get('month') ?? 1) - 1, parts.get('day') ?? 1) / 86_400_000;
}

/** The heading of a day. Both arguments are day numbers. */
export function dayLabel(day: number, today: number): string {
  const ago = today - day;
  if (ago <= 0) {
    return 'Today';
  }
  if (ago === 1) {
    return 'Yesterday';
  }
  // Within 300 days, the month identifies the year.
  const options: Intl.DateTimeFormatOptions =
    ago < 300
      ? { weekday: 'long', day: 'numeric', month: 'long' }
      : { day: 'numeric', month: 'long', year: 'numeric' };
  return format(options, 'UTC').format(day * 86_400_000);
}
