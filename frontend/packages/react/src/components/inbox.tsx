import {
  type Entry,
  type MessageGroup,
  type Recipient,
  type Target,
  conversationKey,
  conversationOf,
  delayReason,
  foldHandle,
  isHandle,
  recipientOf,
  typedHandle,
} from '@cruddur/client';
import { type RefObject, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useClient, useComponents, useMessages, useBaseTexts } from '../context.ts';
import { useInbox, useOutbox, useUser } from '../hooks/data.ts';
import { useInView } from '../hooks/use-in-view.ts';
import { useNow } from '../hooks/use-now.ts';
import { isFocusLost } from '../focus.ts';
import { type Place, isSamePlace } from '../place.ts';
import { explain } from '../texts/explain.ts';
import { ListItem } from './list-item.tsx';
import { MoreButton } from './more-button.tsx';
import { GroupItem as DefaultGroupItem } from './group-item.tsx';
import { NewGroupItem as DefaultNewGroupItem } from './new-group-item.tsx';

/** The inbox, newest first, below the conversations whose first message is not stored yet. */
export function Inbox() {
  const { value, error, isLoadingMore, moreError, loadMore } = useInbox();
  const entries = useOutbox();
  const { drafts } = useClient();
  const { place } = useMessages();
  // The keys in this tab change the draft of the open conversation only, which is not shown.
  useSyncExternalStore(drafts.subscribe, drafts.version);
  const now = useNow();
  const texts = useBaseTexts();
  const { GroupItem = DefaultGroupItem, NewGroupItem = DefaultNewGroupItem } = useComponents();
  const box = useRef<HTMLElement>(null);
  const opened = useOpenBeginning();
  const menus = useMenus(value !== undefined);
  useReturn(box, place);

  const groups = value?.rows ?? [];
  const beginnings = beginningsOf(opened, entries, drafts.begun()).filter(
    ({ person }) => person === null || !groups.some((group) => group.user_uuid === person.uuid),
  );
  const rows: Row[] = [...beginnings, ...groups.map((group) => ({ key: group.uuid, group }))];
  const virtualizer = useVirtualizer(box, rows.length > MAX_PLAIN);
  const next = value?.next ?? null;
  const end = useInView(box, next !== null && moreError === null, () => void loadMore(), next);

  return (
    <div className="cruddur cruddur-inbox">
      <nav ref={box} className="cruddur-group-list" aria-label={texts.text('inbox.label')}>
        {virtualizer === null ? (
          <ul>
            {rows.map((row) => (
              <li key={row.key}>{item(row)}</li>
            ))}
          </ul>
        ) : (
          <virtualizer.Virtualizer scrollRef={box} data={rows} as="ul" item={ListItem} itemSize={virtualizer.itemSize}>
            {item}
          </virtualizer.Virtualizer>
        )}
        {value === undefined && error === null && <InboxSkeleton />}
        {value === undefined && error !== null && <p className="cruddur-list-note cruddur-problem">{explain(texts, error)}</p>}
        {value !== undefined && groups.length === 0 && beginnings.length === 0 && (
          <p className="cruddur-list-note">{texts.text('inbox.empty')}</p>
        )}
        {next !== null && (
          <div ref={end} className="cruddur-list-more">
            <MoreButton
              label={texts.text('inbox.more')}
              isLoading={isLoadingMore}
              isAutomatic={moreError === null}
              onMore={() => void loadMore()}
            />
            {moreError !== null && <p className="cruddur-problem">{explain(texts, moreError)}</p>}
          </div>
        )}
      </nav>
      {menus !== null && <menus.GroupMenus box={box} groups={groups} />}
    </div>
  );

  function item(row: Row) {
    return 'group' in row ? (
      <GroupItem
        key={row.key}
        group={row.group}
        now={now}
        draft={isSamePlace(place, { kind: 'group', uuid: row.key }) ? '' : drafts.preview(`group:${row.key}`) || drafts.preview(`edit:${row.key}`)}
        {...unsentOf(entries.filter((entry) => entry.group === row.group.uuid))}
      />
    ) : (
      <NewGroupItem
        key={row.key}
        handle={row.handle}
        person={row.person}
        draft={row.key === opened?.key ? '' : drafts.preview(row.key)}
        {...unsentOf(entries.filter((entry) => conversationOf(entry) === row.key))}
      />
    );
  }
}

/** The most rows of a list that is not virtualized. */
const MAX_PLAIN = 50;

interface LoadedVirtualizer {
  Virtualizer: typeof import('./virtualizer.ts').Virtualizer;
  /** The height of a row in pixels; 0 without a layout. */
  itemSize: number;
}

/** The virtualized list, whose code is loaded when a list is long; null until then. The focus stays on its row. */
function useVirtualizer(box: RefObject<HTMLElement | null>, isLong: boolean): LoadedVirtualizer | null {
  const [loaded, setLoaded] = useState<LoadedVirtualizer | null>(null);
  const focused = useRef<string | undefined>(undefined);

  useEffect(() => {
    if (!isLong) {
      return undefined;
    }
    let isCurrent = true;
    import('./virtualizer.ts').then(
      ({ Virtualizer }) => {
        if (isCurrent) {
          focused.current = document.activeElement?.closest<HTMLElement>('[data-group]')?.dataset['group'];
          setLoaded({ Virtualizer, itemSize: box.current?.querySelector('li')?.offsetHeight ?? 0 });
        }
      },
      // Offline, or the page was replaced by a newer version.
      () => undefined,
    );
    return () => {
      isCurrent = false;
    };
  }, [box, isLong]);

  useLayoutEffect(() => {
    if (loaded !== null && focused.current !== undefined) {
      box.current?.querySelector<HTMLElement>(`[data-group="${focused.current}"] a`)?.focus();
    }
  }, [box, loaded]);
  return loaded;
}

/** Gives the focus to the conversation that was left, or the first one, if the focus was in it. */
function useReturn(box: RefObject<HTMLElement | null>, place: Place | null): void {
  const before = useRef(place);
  useEffect(() => {
    const left = before.current;
    before.current = place;
    const list = box.current;
    if (place === null && left !== null && list !== null && isFocusLost(list.getRootNode())) {
      const row = left.kind === 'group' && list.querySelector(`[data-group="${left.uuid}"]`);
      (row || list).querySelector<HTMLElement>('.cruddur-group-item')?.focus({ preventScroll: true });
    }
  }, [box, place]);
}

const loadMenus = () => import('./group-menus.tsx');

/** Milliseconds from the list until the code of its menus is loaded: the start of the page comes first. */
const MENUS_DELAY = 400;

/** The code of the menus; null before it is loaded. Without it, the list has no menus. */
function useMenus(isShown: boolean): Awaited<ReturnType<typeof loadMenus>> | null {
  const [menus, setMenus] = useState<Awaited<ReturnType<typeof loadMenus>> | null>(null);
  useEffect(() => {
    if (!isShown) {
      return undefined;
    }
    const timer = setTimeout(() => void loadMenus().then(setMenus, () => undefined), MENUS_DELAY);
    return () => clearTimeout(timer);
  }, [isShown]);
  return menus;
}

type Row = Beginning | { key: string; group: MessageGroup };

interface Beginning {
  /** The conversation key. */
  key: string;
  handle: string;
  person: Recipient | null;
}

/** The open conversation, if it has no group yet. */
function useOpenBeginning(): Beginning | null {
  const { place } = useMessages();
  const handle = place?.kind === 'handle' ? foldHandle(typedHandle(place.handle)) : null;
  const { user } = useUser(handle !== null && isHandle(handle) ? handle : null);
  if (place?.kind !== 'handle' || handle === null) {
    return null;
  }
  const person = place.person ?? (user ? recipientOf(user) : null);
  const target: Target = person === null ? { kind: 'handle', handle } : { kind: 'user', ...person };
  return { key: conversationKey(target), handle, person };
}

/** Conversations without a group: the open one and those of unsent messages and drafts. */
function beginningsOf(opened: Beginning | null, entries: readonly Entry[], drafted: readonly Recipient[]): Beginning[] {
  const begun = entries.flatMap(({ group, target }): Beginning[] =>
    group !== null || target.kind === 'group'
      ? []
      : [{ key: conversationKey(target), handle: target.handle, person: target.kind === 'user' ? target : null }],
  );
  const written = drafted.map((person) => ({ key: conversationKey({ kind: 'user', ...person }), handle: person.handle, person }));
  const all = [...(opened === null ? [] : [opened]), ...begun, ...written];
  return [...new Map(all.map((beginning) => [beginning.key, beginning])).values()];
}

/** The newest unsent message of a conversation, as its row shows it. One that needs its author is shown first. */
function unsentOf(entries: readonly Entry[]): { unsent: boolean; unsentText: string } {
  const stuck = entries.findLast(isStuck);
  // Later ones wait for the first one.
  const shown = stuck ?? (entries.some((entry) => delayReason(entry) !== null) ? entries.findLast(({ state }) => state.name !== 'sent') : undefined);
  return { unsent: stuck !== undefined, unsentText: shown?.text ?? '' };
}

function isStuck({ state }: Entry): boolean {
  return state.name === 'failed' || state.name === 'held';
}

/** A placeholder while the inbox loads. */
function InboxSkeleton() {
  return (
    <div className="cruddur-skeleton" aria-hidden="true">
      {[70, 55, 80, 60].map((width) => (
        <div key={width} className="cruddur-skeleton-row">
          <span className="cruddur-skeleton-avatar" />
          <span className="cruddur-skeleton-lines">
            <span style={{ inlineSize: `${width / 2}%` }} />
            <span style={{ inlineSize: `${width}%` }} />
          </span>
        </div>
      ))}
    </div>
  );
}
