import type { ReactNode } from 'react';
import { DownIcon } from '../shell/icons.tsx';
import { useInView } from '../shell/use-in-view.ts';
import { BubbleItem } from './bubble.tsx';
import type { Day } from './timeline.ts';
import { useScrollAnchor } from './use-scroll-anchor.ts';
import { useUnread } from './use-unread.ts';

interface Props {
  days: readonly Day[];
  /** The cursor of older messages; null if there are none. */
  older: string | null;
  loading: boolean;
  /** Why older messages could not be loaded. */
  problem: string | null;
  onOlder: () => void;
  /** The number of messages sent from here. A change scrolls to the end. */
  sends: number;
  /** Shown above the oldest message. */
  beginning: ReactNode;
}

export function MessageList({ days, older, loading, problem, onOlder, sends, beginning }: Props) {
  const { box, atEnd, toEnd, onScroll } = useScrollAnchor(sends);
  const unread = useUnread(days, atEnd);
  const top = useInView(box, older !== null && !loading && problem === null, onOlder, older);

  return (
    <div className="message-frame">
      {/* A scrolling element has to be reachable by keyboard. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <section ref={box} className="message-box" aria-label="Messages" tabIndex={0} onScroll={onScroll}>
        <div className="message-days">
          {older === null ? (
            beginning
          ) : (
            <div ref={top} className="list-more">
              <button type="button" className="button small quiet" onClick={onOlder} disabled={loading}>
                {loading ? 'Loading…' : 'Load older messages'}
              </button>
              {problem !== null && <p className="problem">{problem}</p>}
            </div>
          )}
          {days.map((day) => (
            <section key={day.number} className="day" aria-labelledby={`day-${day.number}`}>
              <h3 id={`day-${day.number}`}>
                <span>{day.label}</span>
              </h3>
              <ol>
                {day.bubbles.map((bubble) => (
                  <BubbleItem key={bubble.key} bubble={bubble} />
                ))}
              </ol>
            </section>
          ))}
        </div>
      </section>
      {!atEnd && (
        <button type="button" className={unread > 0 ? 'jump new' : 'jump'} onClick={toEnd}>
          <DownIcon />
          {unread === 0 ? (
            <span className="visually-hidden">To the newest message</span>
          ) : (
            <span>{unread === 1 ? '1 new message' : `${unread} new messages`}</span>
          )}
        </button>
      )}
    </div>
  );
}
