import { millisOf } from './instants.ts';
import { clockTime, exactTime, relativeTime } from './relative.ts';

/** A relative time, with the exact time on hover. */
export function Ago({ createdAt, now }: { createdAt: string; now: number }) {
  const at = millisOf(createdAt);
  return (
    <time dateTime={createdAt} title={exactTime(at)}>
      {relativeTime(at, now)}
    </time>
  );
}

/** Hours and minutes, with the exact time on hover. */
export function ClockTime({ at, className }: { at: number; className?: string }) {
  return (
    <time dateTime={new Date(at).toISOString()} title={exactTime(at)} className={className}>
      {clockTime(at)}
    </time>
  );
}
