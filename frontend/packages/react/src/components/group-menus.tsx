import { type MessageGroup, isMuted, shownName, stateOf } from '@cruddur/client';
import { type RefObject, useRef, useState, useSyncExternalStore } from 'react';
import { useClient } from '../context.ts';
import { isFocusLost } from '../focus.ts';
import { useGroupSettings } from '../hooks/use-group-settings.ts';
import { useMenuGestures } from '../hooks/use-menu-gestures.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { explain } from '../texts/explain.ts';
import { Menu, MenuItem } from './menu.tsx';
import { MuteMenu, SettingsItems } from './mute-menu.tsx';

interface Props {
  /** The list of the conversations. */
  box: RefObject<HTMLElement | null>;
  groups: readonly MessageGroup[];
}

/** The menu that was opened last. */
interface OpenMenu {
  /** Differs between openings: a menu that is being closed is not opened again. */
  opening: number;
  uuid: string;
  anchor: MenuAnchor;
  hasMute: boolean;
  step: 'menu' | 'mute' | 'closed';
}

/** The menus of the conversations in the inbox. */
export function GroupMenus({ box, groups }: Props) {
  const { reads, settings: state } = stateOf(useClient());
  const hideError = useSyncExternalStore(state.subscribe, state.hideError);
  const texts = useTexts();
  const { text } = texts;
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const openings = useRef(0);
  const [markProblem, setProblem] = useState<string | null>(null);
  const group = groups.find(({ uuid }) => uuid === menu?.uuid);
  // Kept after the menu is closed and the group is hidden: a failure is reported later.
  const { settings, problem: settingsProblem } = useGroupSettings(menu?.uuid ?? null);
  const problem = hideError === null ? (markProblem ?? settingsProblem) : text('hide.failed', { reason: explain(texts, hideError) });
  useMenuGestures(box, '[data-group]', ({ dataset: { group: uuid } }, anchor) => {
    setProblem(null);
    state.dismissHideError();
    openings.current += 1;
    const hasMute = isMuted(groups.find((each) => each.uuid === uuid)?.muted_until, Date.now());
    setMenu(uuid === undefined ? null : { opening: openings.current, uuid, anchor, hasMute, step: 'menu' });
  });

  const markUnread = ({ uuid, display_name, handle }: MessageGroup) => {
    reads.markUnread(uuid).then(
      (isMarked) => isMarked || setProblem(text('inbox.noneUnread', { name: shownName(display_name, handle) })),
      (error: unknown) => setProblem(text('inbox.notChanged', { reason: explain(texts, error) })),
    );
  };
  const hide = () => {
    const row = menu && box.current?.querySelector(`[data-group="${menu.uuid}"]`)?.closest('li');
    const next = row?.nextElementSibling ?? row?.previousElementSibling;
    settings?.hide();
    requestAnimationFrame(() => next && isFocusLost(next.getRootNode()) && next.querySelector<HTMLElement>('a, button')?.focus());
  };
  // A choice may have opened the other menu.
  const close = () => setMenu((current) => current && (current === menu ? { ...current, step: 'closed' } : current));

  return (
    <>
      {problem !== null && (
        <p className="cruddur-list-note cruddur-problem" role="alert">
          {problem}
        </p>
      )}
      {menu?.step === 'menu' && group !== undefined && (
        <Menu key={menu.opening} label={text('inbox.menu')} anchor={menu.anchor} onClose={close}>
          {(group.unread_count ?? 0) > 0 ? (
            <MenuItem onSelect={() => reads.markRead(group.uuid)}>{text('inbox.markRead')}</MenuItem>
          ) : (
            <MenuItem onSelect={() => markUnread(group)}>{text('inbox.markUnread')}</MenuItem>
          )}
          {settings && <SettingsItems settings={{ ...settings, hide }} hasMute={menu.hasMute} onMute={() => setMenu({ ...menu, step: 'mute' })} />}
        </Menu>
      )}
      {menu?.step === 'mute' && <MuteMenu anchor={menu.anchor} onMute={(until) => settings?.mute(until)} onClose={close} />}
    </>
  );
}
