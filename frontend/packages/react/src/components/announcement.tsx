import { type TimelineItem, isMuted } from '@cruddur/client';
import { useNow } from '../hooks/use-now.ts';
import { useAnnouncement } from '../hooks/use-announcement.ts';

interface Props {
  items: readonly TimelineItem[];
  /** The end of the mute, which may be over. */
  mutedUntil: string | undefined;
}

/** Announces news of the conversation to screen readers. */
export function Announcement({ items, mutedUntil }: Props) {
  const now = useNow();
  return (
    <p className="cruddur-visually-hidden" role="status">
      {useAnnouncement(items, isMuted(mutedUntil, now))}
    </p>
  );
}
