import type { TimelineItem } from '@cruddur/client';
import { useAnnouncement } from '../hooks/use-announcement.ts';

/** Announces news of the conversation to screen readers. */
export function Announcement({ items }: { items: readonly TimelineItem[] }) {
  return (
    <p className="cruddur-visually-hidden" role="status">
      {useAnnouncement(items)}
    </p>
  );
}
