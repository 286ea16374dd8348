import { otherMember } from '@cruddur/client';
import { useEffect, useEffectEvent, useRef } from 'react';
import { useMessages } from '../context.ts';
import { useInbox } from '../hooks/data.ts';
import { useShortcutList } from '../hooks/use-shortcut-list.tsx';
import { isCommand, isOverlayOpen, rootOf } from '../keys.ts';

export interface ShortcutsProps {
  /** Whether the question mark lists the keys, by default true. Let people turn it off, for example those who dictate. */
  hasListKey?: boolean;
}

/**
 * The keys of a page with an inbox and a conversation: Ctrl+K for the search, Alt and arrow keys for the previous and the next
 * conversation, Escape in the text field for the list on phones, and the question mark for a list of all keys.
 */
export function Shortcuts({ hasListKey = true }: ShortcutsProps) {
  const { place, onPlace } = useMessages();
  const { value, loadMore } = useInbox();
  const here = useRef<HTMLSpanElement>(null);
  const isSearchWanted = useRef(false);
  const { show, list } = useShortcutList(hasListKey);

  const searchField = () => rootOf(here.current).querySelector<HTMLInputElement>('.cruddur-start input');

  // On phones, the list is shown before its field can have the focus.
  useEffect(() => {
    if (isSearchWanted.current && place === null) {
      isSearchWanted.current = false;
      searchField()?.focus();
    }
  }, [place]);

  function search(): boolean {
    const field = searchField();
    if (field?.offsetParent === null) {
      isSearchWanted.current = true;
      onPlace(null, false);
    }
    field?.focus();
    field?.select();
    return field !== null;
  }

  function move(step: 1 | -1): boolean {
    const rows = value?.rows ?? [];
    const current = rows.findIndex(({ uuid }) => place?.kind === 'group' && place.uuid === uuid);
    const next = rows[current === -1 ? 0 : current + step];
    if (next !== undefined) {
      onPlace({ kind: 'group', uuid: next.uuid, person: otherMember(next) }, false);
    } else if (step === 1) {
      void loadMore();
    }
    return rows.length > 0;
  }

  const onKey = useEffectEvent((event: KeyboardEvent) => {
    const { key, altKey, ctrlKey, metaKey, shiftKey } = event;
    const [target] = event.composedPath();
    if (!(target instanceof Element) || event.isComposing || isOverlayOpen(rootOf(here.current))) {
      return;
    }
    let isHandled = false;
    if (isCommand(event, 'k')) {
      isHandled = search();
    } else if ((key === 'ArrowDown' || key === 'ArrowUp') && altKey && !ctrlKey && !metaKey && !shiftKey) {
      // The keys open the options of these fields, and an edit would be lost.
      const isOfField = target.closest('select, [role="combobox"], .cruddur-editor') !== null;
      isHandled = !isOfField && move(key === 'ArrowDown' ? 1 : -1);
    } else if (hasListKey && (key === '?' || key === '؟') && !altKey && !ctrlKey && !metaKey) {
      isHandled = target.closest('input, textarea, select, [contenteditable]') === null;
      if (isHandled) {
        show();
      }
    }
    if (isHandled) {
      event.preventDefault();
      // The arrow key also edits the last message.
      event.stopPropagation();
    }
  });

  const onEscape = useEffectEvent((event: KeyboardEvent) => {
    const [target] = event.composedPath();
    // A component that cancels a reply or an edit prevents the default.
    if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing && target instanceof Element) {
      const back = target.closest('.cruddur-composer') && rootOf(here.current).querySelector<HTMLElement>('.cruddur-back');
      if (back && back.offsetParent !== null) {
        back.click();
      }
    }
  });

  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener('keydown', (event) => onKey(event), { signal, capture: true });
    window.addEventListener('keydown', (event) => onEscape(event), { signal });
    return () => listening.abort();
  }, []);

  return (
    <span className="cruddur">
      <span ref={here} hidden />
      {list}
    </span>
  );
}
