import type { Day } from './timeline.ts';
import { useAnnouncement } from './use-announcement.ts';

/** Says to a screen reader what is new in the conversation. */
export function Announcement({ days }: { days: readonly Day[] }) {
  return (
    <p className="visually-hidden" role="status">
      {useAnnouncement(days)}
    </p>
  );
}
