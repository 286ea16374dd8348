import { useBaseTexts } from '../context.ts';
import { clockTime, exactTime } from '../texts/formats.ts';

/** Hours and minutes, with the exact time on hover. */
export function ClockTime({ at }: { at: number }) {
  const { locale } = useBaseTexts();
  return (
    <time dir="auto" className="cruddur-time" dateTime={new Date(at).toISOString()} title={exactTime(locale, at)}>
      {clockTime(locale, at)}
    </time>
  );
}
