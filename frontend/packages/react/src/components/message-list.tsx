import { type TimelineItem, dayNumber } from '@cruddur/client';
import { type ReactNode, useLayoutEffect, useRef, useState } from 'react';
import { Virtualizer } from 'virtua';
import { useComponents } from '../context.ts';
import { useInView } from '../hooks/use-in-view.ts';
import { useNow } from '../hooks/use-now.ts';
import { useReadingPlace } from '../hooks/use-reading-place.ts';
import { useUnread } from '../hooks/use-unread.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { dayLabel } from '../texts/formats.ts';
import { DownIcon } from './icons.tsx';
import { ListItem } from './list-item.tsx';
import { BubbleItem as DefaultBubbleItem } from './bubble.tsx';

/** The props of a conversation's messages. */
export interface MessageListProps {
  items: readonly TimelineItem[];
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

/** The messages, of which only those near the visible part are in the document. */
export function MessageList({ items, older, loading, problem, onOlder, sends, beginning }: MessageListProps) {
  const { text } = useTexts();
  const { BubbleItem = DefaultBubbleItem } = useComponents();
  const { box, atEnd, isPrepending, toEnd, onScroll, onHeadGrowth } = useReadingPlace(items, sends);
  const unread = useUnread(items, atEnd);
  const top = useInView(box, older !== null && !loading && problem === null, onOlder, older);
  const head = useRef<HTMLDivElement>(null);
  const [headHeight, setHeadHeight] = useState(0);

  // Without dependencies: everything in the head can change its height.
  // oxlint-disable-next-line react/exhaustive-deps
  useLayoutEffect(() => {
    const height = head.current?.offsetHeight ?? 0;
    if (height !== headHeight) {
      onHeadGrowth(height - headHeight);
      setHeadHeight(height);
    }
  });

  return (
    <div className="cruddur-message-frame">
      {/* A scrolling element has to be reachable by keyboard. */}
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <section ref={box} className="cruddur-message-box" aria-label={text('messages.label')} tabIndex={0} onScroll={onScroll}>
        <div className="cruddur-message-days">
          <div ref={head} className="cruddur-message-days-head">
            {older === null ? (
              beginning
            ) : (
              <div ref={top} className="cruddur-list-more">
                <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={onOlder} disabled={loading}>
                  {text(loading ? 'loading' : 'messages.older')}
                </button>
                {problem !== null && <p className="cruddur-problem">{problem}</p>}
              </div>
            )}
          </div>
          <Virtualizer
            scrollRef={box}
            startMargin={headHeight}
            shift={isPrepending}
            data={items}
            as="ol"
            item={ListItem}
          >
            {(item: TimelineItem) =>
              item.kind === 'day' ? <DayHeading key={item.key} day={item.number} /> : <BubbleItem key={item.key} bubble={item} />
            }
          </Virtualizer>
        </div>
      </section>
      {!atEnd && (
        <button type="button" className={unread > 0 ? 'cruddur-jump cruddur-new' : 'cruddur-jump'} onClick={toEnd}>
          <DownIcon />
          {unread === 0 ? (
            <span className="cruddur-visually-hidden">{text('messages.toNewest')}</span>
          ) : (
            <span>{text('messages.new', { count: unread })}</span>
          )}
        </button>
      )}
    </div>
  );
}

function DayHeading({ day }: { day: number }) {
  const texts = useTexts();
  const today = dayNumber(useNow());
  return (
    <h3 className="cruddur-day">
      <span dir="auto">{dayLabel(texts, day, today)}</span>
    </h3>
  );
}
