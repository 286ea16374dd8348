import { millisOf } from '@cruddur/client';
import { useBaseTexts } from '../context.ts';
import { exactTime, relativeTime } from '../texts/formats.ts';

/** A relative time, with the exact time on hover. */
export function Ago({ createdAt, now }: { createdAt: string; now: number }) {
  const texts = useBaseTexts();
  const at = millisOf(createdAt);
  return (
    <time dir="auto" className="cruddur-time" dateTime={createdAt} title={exactTime(texts.locale, at)}>
      {relativeTime(texts, at, now)}
    </time>
  );
}
