const formats = new Map<string | undefined, Intl.DateTimeFormat>();

/** The calendar day in a time zone, by default the person's, as a number of days since 1970. */
export function dayNumber(at: number, timeZone?: string): number {
  let format = formats.get(timeZone);
  if (format === undefined) {
    // Creating a format is slow.
    format = new Intl.DateTimeFormat('en', {
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      ...(timeZone !== undefined && { timeZone }),
    });
    formats.set(timeZone, format);
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.get('year') ?? 0, (parts.get('month') ?? 1) - 1, parts.get('day') ?? 1) / 86_400_000;
}
