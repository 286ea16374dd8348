import { type MessageGroup, stateOf } from '@cruddur/client';
import { type RefObject, useRef, useState, useSyncExternalStore } from 'react';
import { useClient } from '../context.ts';
import { useMenuGestures } from '../hooks/use-menu-gestures.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { explain } from '../texts/explain.ts';
import { Menu, MenuItem } from './menu.tsx';

interface Props {
  /** The list of the conversations. */
  box: RefObject<HTMLElement | null>;
  groups: readonly MessageGroup[];
}

/** The menus of the conversations in the inbox. */
export function GroupMenus({ box, groups }: Props) {
  const { reads, settings } = stateOf(useClient());
  const hideError = useSyncExternalStore(settings.subscribe, settings.hideError);
  const texts = useTexts();
  const { text } = texts;
  const [menu, setMenu] = useState<{ opening: number; uuid: string | undefined; anchor: MenuAnchor } | null>(null);
  const openings = useRef(0);
  const [markProblem, setProblem] = useState<string | null>(null);
  const problem = hideError === null ? markProblem : text('hide.failed', { reason: explain(texts, hideError) });
  useMenuGestures(box, '[data-group]', (row, anchor) => {
    openings.current += 1;
    setMenu({ opening: openings.current, uuid: row.dataset['group'], anchor });
  });
  const group = groups.find(({ uuid }) => uuid === menu?.uuid);

  const markUnread = (uuid: string) => {
    setProblem(null);
    reads.markUnread(uuid).catch((error: unknown) => setProblem(text('inbox.notChanged', { reason: explain(texts, error) })));
  };

  return (
    <>
      {problem !== null && (
        <p className="cruddur-list-note cruddur-problem" role="alert">
          {problem}
        </p>
      )}
      {menu !== null && group !== undefined && (
        <Menu key={menu.opening} label={text('inbox.menu')} anchor={menu.anchor} onClose={() => setMenu(null)}>
          {(group.unread_count ?? 0) > 0 ? (
            <MenuItem onSelect={() => reads.markRead(group.uuid)}>{text('inbox.markRead')}</MenuItem>
          ) : (
            <MenuItem onSelect={() => markUnread(group.uuid)}>{text('inbox.markUnread')}</MenuItem>
          )}
        </Menu>
      )}
    </>
  );
}
