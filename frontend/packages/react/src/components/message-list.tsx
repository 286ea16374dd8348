import { type Bubble, type TimelineItem, dayNumber } from '@cruddur/client';
import {
  type ComponentType,
  type ReactNode,
  type RefObject,
  Fragment,
  useCallback,
  useEffect,
  useEffectEvent,
  useId,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { Virtualizer, type VirtualizerHandle } from './virtualizer.ts';
import { useComponents, useMessages } from '../context.ts';
import { focusShown, whenShown } from '../focus.ts';
import { useArrivals } from '../hooks/use-arrivals.ts';
import { useInView } from '../hooks/use-in-view.ts';
import { useMenuGestures } from '../hooks/use-menu-gestures.ts';
import { useMessageKeys } from '../hooks/use-message-keys.ts';
import { useNow } from '../hooks/use-now.ts';
import { useSwipe } from '../hooks/use-swipe.ts';
import { useReadMark } from '../hooks/use-read-mark.ts';
import { useReadingPlace } from '../hooks/use-reading-place.ts';
import { useUnread } from '../hooks/use-unread.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { storedMessage } from '../stored-message.ts';
import { rowOf } from '../rows.ts';
import { dayLabel } from '../texts/day-label.ts';
import { DownIcon } from './icons.tsx';
import { ConversationContext, type ConversationContextValue, type OwnConversationValue } from './conversation-context.ts';
import { ListItem } from './list-item.tsx';
import type { MessageMenuProps } from './message-menu.tsx';
import { MoreButton } from './more-button.tsx';
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
  /** The key of the message before which the divider of new messages is; null for none. */
  firstUnread?: string | null;
  /** The key of the last own message that the other user has read; null for none. */
  lastSeen?: string | null;
  /** The key of the message in whose place a text field is; null for none. */
  edited?: string | null;
  /** The key of the message that a search has found; null for none. */
  found?: string | null;
  /** What the messages offer. Without it, they have no menus. */
  conversation?: OwnConversationValue | null;
  /** Called when the newest message is seen. Undefined while nothing is marked as read. */
  onRead?: (() => void) | undefined;
}

/** The messages, of which only those near the visible part are in the document. */
export function MessageList({
  items,
  older,
  loading,
  problem,
  onOlder,
  sends,
  beginning,
  firstUnread = null,
  lastSeen = null,
  edited = null,
  found = null,
  conversation = null,
  onRead,
}: MessageListProps) {
  const { text } = useTexts();
  const { BubbleItem = DefaultBubbleItem } = useComponents();
  const { box, atEnd, isPrepending, toEnd, leaveEnd, onScroll, onHeadGrowth } = useReadingPlace(items, sends);
  const unread = useUnread(items, atEnd);
  useArrivals(items, box);
  const top = useInView(box, older !== null && !loading && problem === null, onOlder, older);
  const head = useRef<HTMLDivElement>(null);
  const [headHeight, setHeadHeight] = useState(0);
  const list = useRef<VirtualizerHandle>(null);
  const id = useId();
  const { menu, openMenu, closeMenu } = useMenu(items, conversation);
  useMenuGestures(box, '[data-key]', openMenu);
  useSwipe(box, '[data-key]', ({ dataset: { key } }) => {
    const bubble = bubbleOf(items, key);
    return bubble === undefined || conversation === null || conversation.isBlocked || storedMessage(bubble) === null
      ? null
      : () => conversation.reply(bubble);
  });
  const { focused, ...keys } = useMessageKeys(box, openMenu);
  // Not that of a message which is not sent: later ones of the other user stand before it.
  const newest = items.findLast((item) => item.kind === 'bubble' && (item.message !== null || item.entry?.state.name === 'sent'))?.key ?? null;
  const scrollTo = useScrollTo(items, list, box, leaveEnd);
  const isOpened = useOpening(firstUnread, atEnd && edited === null, newest, box, scrollTo);
  const { reopenings } = useMessages();
  useReadMark(atEnd && isOpened && onRead !== undefined, newest, reopenings, () => onRead?.());
  useEffect(() => {
    if (edited !== null) {
      scrollTo(edited);
    }
  }, [edited, scrollTo]);
  useEffect(() => {
    if (found !== null) {
      scrollTo(found);
    }
  }, [found, scrollTo]);
  const show = useCallback(
    (key: string) => {
      scrollTo(key);
      highlight(box, key);
    },
    [box, scrollTo],
  );

  // A message that was removed is no longer among the items.
  const kept = [focused, edited].map((key) => items.findLastIndex((item) => item.key === key)).filter((index) => index !== -1);
  const lastSent = items.findLast(isSent)?.key;
  const value = useMemo<ConversationContextValue | null>(() => conversation && { ...conversation, show }, [conversation, show]);

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
      <p id={id} className="cruddur-visually-hidden">
        {conversation !== null && text('messages.keys')}
      </p>
      {/* A scrolling element has to be reachable by keyboard. */}
      {/* oxlint-disable jsx-a11y/no-noninteractive-tabindex, jsx-a11y/no-noninteractive-element-interactions */}
      <section
        ref={box}
        className="cruddur-message-box"
        aria-label={text('messages.label')}
        aria-describedby={id}
        tabIndex={0}
        onScroll={onScroll}
        {...keys}
      >
        <div className="cruddur-message-days">
          <div ref={head} className="cruddur-message-days-head">
            {older === null ? (
              beginning
            ) : (
              <div ref={top} className="cruddur-list-more">
                <MoreButton
                  label={text('messages.older')}
                  isLoading={loading}
                  isAutomatic={problem === null}
                  onMore={onOlder}
                  heir={box}
                />
                {problem !== null && <p className="cruddur-problem">{problem}</p>}
              </div>
            )}
          </div>
          <ConversationContext value={value}>
            <Virtualizer
              ref={list}
              scrollRef={box}
              keepMounted={kept}
              startMargin={headHeight}
              shift={isPrepending}
              data={items}
              as="ol"
              item={ListItem}
            >
              {(item: TimelineItem) => {
                if (item.kind === 'day') {
                  return <DayHeading key={item.key} day={item.number} />;
                }
                const { key } = item;
                return (
                  <Fragment key={key}>
                    {key === firstUnread && <h3 className="cruddur-first-unread">{text('messages.firstUnread')}</h3>}
                    <BubbleItem bubble={item} isLastSent={key === lastSent} isSeen={key === lastSeen} isEditing={key === edited} />
                  </Fragment>
                );
              }}
            </Virtualizer>
          </ConversationContext>
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
      {menu !== null && conversation !== null && (
        <menu.MessageMenu key={menu.opening} bubble={menu.bubble} anchor={menu.anchor} actions={conversation} onClose={closeMenu} />
      )}
    </div>
  );
}

/** Whether an item is an own message that the server has stored. */
function isSent(item: TimelineItem): boolean {
  return item.kind === 'bubble' && item.own && !item.isDeleted && (item.entry === null || item.entry.state.name === 'sent');
}

/** The open menu of a message, whose code is loaded with the first one. */
interface OpenMenu {
  /** Differs between openings: a menu that is being closed is not opened again. */
  opening: number;
  key: string;
  anchor: MenuAnchor;
  MessageMenu: ComponentType<MessageMenuProps>;
}

function useMenu(items: readonly TimelineItem[], conversation: OwnConversationValue | null) {
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const openings = useRef(0);

  async function openMenu({ dataset: { key } }: HTMLElement, anchor: MenuAnchor) {
    if (key === undefined || conversation === null) {
      return;
    }
    try {
      const { MessageMenu } = await import('./message-menu.tsx');
      openings.current += 1;
      setMenu({ opening: openings.current, key, anchor, MessageMenu });
    } catch {
      // Offline, or the page was replaced by a newer version.
    }
  }

  const bubble = menu && bubbleOf(items, menu.key);
  return {
    menu: menu && bubble ? { ...menu, bubble } : null,
    openMenu: (row: HTMLElement, anchor: MenuAnchor) => void openMenu(row, anchor),
    closeMenu: useCallback(() => setMenu(null), []),
  };
}

function bubbleOf(items: readonly TimelineItem[], key: string | undefined): Bubble | undefined {
  // Its key may be that of the time before the message was stored.
  return items.findLast((item): item is Bubble => item.kind === 'bubble' && (item.key === key || (key !== undefined && item.entry?.id === key)));
}

/**
 * Scrolls to the first unread message when it is known, if the list is still at its end. Returns whether that is done, or there is
 * none.
 */
function useOpening(
  firstUnread: string | null,
  isWanted: boolean,
  newest: string | null,
  box: RefObject<HTMLElement | null>,
  scrollTo: (key: string, align: 'start') => void,
): boolean {
  const [isDone, setDone] = useState(false);
  const open = useEffectEvent((key: string) => {
    if (isWanted) {
      scrollTo(key, 'start');
    }
    setDone(true);
  });
  const isWaiting = firstUnread !== null && newest !== null && !isDone;
  useEffect(
    () =>
      isWaiting
        ? // The end is shown first, so that it is known what is visible there.
          whenShown(
            () => {
              const row = rowOf(box.current, newest);
              return row !== null && getComputedStyle(row).visibility === 'visible';
            },
            () => open(firstUnread),
          )
        : undefined,
    [isWaiting, firstUnread, newest, box],
  );
  return !isWaiting;
}

/** A function that scrolls to a loaded message, unless it is visible. */
function useScrollTo(
  items: readonly TimelineItem[],
  list: RefObject<VirtualizerHandle | null>,
  box: RefObject<HTMLElement | null>,
  leaveEnd: () => void,
): (key: string, align?: 'center' | 'start') => void {
  const current = useRef(items);
  useEffect(() => {
    current.current = items;
  }, [items]);
  return useCallback(
    (key: string, align: 'center' | 'start' = 'center') => {
      const index = current.current.findLastIndex((item) => item.key === key);
      if (index !== -1 && !isVisible(box.current, key)) {
        leaveEnd();
        list.current?.scrollToIndex(index, { align });
      }
    },
    [list, box, leaveEnd],
  );
}

function isVisible(box: HTMLElement | null, key: string): boolean {
  const outer = box?.getBoundingClientRect();
  const inner = rowOf(box, key)?.getBoundingClientRect();
  return outer !== undefined && inner !== undefined && inner.top >= outer.top && inner.bottom <= outer.bottom;
}

/** Gives the focus to a message, and highlights it for a moment. */
function highlight(box: RefObject<HTMLElement | null>, key: string): void {
  whenShown(() => {
    const row = rowOf(box.current, key);
    const isFocused = focusShown(row);
    if (isFocused) {
      row?.animate([{ background: 'var(--_active)', borderRadius: 'var(--_round)' }, { background: 'transparent' }], 1500);
    }
    return isFocused;
  });
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
