import { format } from './formats.ts';
import type { BaseTexts } from './messages-texts.ts';

/** The heading of a day. Both are day numbers. */
export function dayLabel({ locale, text }: BaseTexts, day: number, today: number): string {
  const ago = today - day;
  if (ago <= 0) {
    return text('time.today');
  }
  if (ago === 1) {
    return text('time.yesterday');
  }
  // Within 300 days, the month identifies the year.
  const options: Intl.DateTimeFormatOptions =
    ago < 300
      ? { weekday: 'long', day: 'numeric', month: 'long' }
      : { day: 'numeric', month: 'long', year: 'numeric' };
  return format(locale, options, 'UTC').format(day * 86_400_000);
}
