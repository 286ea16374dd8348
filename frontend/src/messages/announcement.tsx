import type { Day } from './timeline.ts';
import { useAnnouncement } from './use-announcement.ts';

/** Announces news of the conversation to screen readers. */
export function Announcement({ days }: { days: readonly Day[] }) {
  return (
    <p className="visually-hidden" role="status">
      {useAnnouncement(days)}
    </p>
  );
}
