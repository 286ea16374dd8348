// The texts of the page are English, so its dates are as well; only the time zone is the reader's.
const LOCALE = 'en-GB';

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format in a time zone, by default the reader's. Making one is slow, so each is made once. */
export function format(options: Intl.DateTimeFormatOptions, timeZone?: string): Intl.DateTimeFormat {
  const key = JSON.stringify([options, timeZone]);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(LOCALE, timeZone === undefined ? options : { ...options, timeZone });
    formats.set(key, made);
  }
  return made;
}

/** The calendar day as a number, so that the difference of two is a number of days. */
export function dayNumber(at: number, timeZone?: string): number {
  const parts = new Map(
    format({ year: 'numeric', month: 'numeric', day: 'numeric' }, timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  return Date.UTC(parts.get('year') ?? 0, (parts.get('month') ?? 1) - 1, parts.get('day') ?? 1) / 86_400_000;
}

/** The heading of a day, by the numbers of that day and of today. */
export function dayLabel(day: number, today: number): string {
  const ago = today - day;
  if (ago <= 0) {
    return 'Today';
  }
  if (ago === 1) {
    return 'Yesterday';
  }
  // The year says nothing about a day whose month has not come round again.
  const options: Intl.DateTimeFormatOptions =
    ago < 300
      ? { weekday: 'long', day: 'numeric', month: 'long' }
      : { day: 'numeric', month: 'long', year: 'numeric' };
  return format(options, 'UTC').format(day * 86_400_000);
}
