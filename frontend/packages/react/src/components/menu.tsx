import { type KeyboardEvent, type ReactNode, useEffect, useLayoutEffect, useRef } from 'react';
import { focusedIn } from '../focus.ts';
import { useCloseRequest } from '../hooks/use-close-request.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { preventTap } from '../tap.ts';
import { place } from './place-popover.ts';

interface MenuProps {
  label: string;
  anchor: MenuAnchor;
  /** Called after the menu was closed, by a choice or without one. */
  onClose: () => void;
  /** Elements with the role `menuitem` or `menuitemcheckbox`. */
  children: ReactNode;
}

/** The elements that had the focus before a menu was opened. */
const focusedBefore = new WeakMap<HTMLElement, HTMLElement>();

/**
 * A menu in the browser's top layer. It is closed by Escape, Tab, Android's Back, scrolling, and clicks elsewhere.
 *
 * The menus of headless libraries are 25 kB (brotli) or more, and render at the end of the page's body, where the styles of
 * the components do not apply. A popover of the kind `auto` would be closed by the end of the press that opened it.
 */
export function Menu({ label, anchor, onClose, children }: MenuProps) {
  const menu = useRef<HTMLDivElement>(null);
  const isShown = useRef(false);
  useCloseRequest(() => menu.current && closeMenuOf(menu.current));

  useLayoutEffect(() => {
    const element = menu.current;
    if (element !== null && !isShown.current) {
      isShown.current = true;
      const focused = focusedIn(element.getRootNode());
      if (focused !== null) {
        focusedBefore.set(element, focused);
      }
      element.showPopover();
      place(element, anchor);
      itemsOf(element)[0]?.focus({ preventScroll: true });
    }
    // Shown once: another anchor is another menu. Its removal hides it.
    // oxlint-disable-next-line react/exhaustive-deps
  }, []);

  // The menu would not follow what it belongs to.
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const hide = () => menu.current?.hidePopover();
    window.addEventListener('resize', hide, { signal });
    window.addEventListener('wheel', hide, { signal, passive: true });
    window.addEventListener(
      'pointerdown',
      (event) => {
        if (menu.current !== null && !event.composedPath().includes(menu.current)) {
          hide();
          preventTap(event);
        }
      },
      { signal, capture: true },
    );
    return () => listening.abort();
  }, []);

  return (
    <div
      ref={menu}
      className="cruddur-menu"
      role="menu"
      aria-label={label}
      tabIndex={-1}
      popover="manual"
      onKeyDown={onKeyDown}
      onToggle={(event) => {
        if (event.newState === 'closed') {
          onClose();
        }
      }}
    >
      {children}
    </div>
  );
}

interface MenuItemProps {
  children: ReactNode;
  onSelect: () => void;
  /** Whether it deletes something. */
  isDangerous?: boolean;
}

export function MenuItem({ children, onSelect, isDangerous = false }: MenuItemProps) {
  const classes = isDangerous ? 'cruddur-menu-item cruddur-danger' : 'cruddur-menu-item';
  return (
    <button
      type="button"
      role="menuitem"
      className={classes}
      tabIndex={-1}
      onClick={(event) => {
        onSelect();
        closeMenuOf(event.currentTarget);
      }}
    >
      {children}
    </button>
  );
}

/** Closes the menu of an item, which returns the focus. */
export function closeMenuOf(item: HTMLElement): void {
  const menu = item.closest<HTMLElement>('[popover]');
  menu?.hidePopover();
  if (menu !== null) {
    focusedBefore.get(menu)?.focus({ preventScroll: true });
  }
}

function itemsOf(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>('[role^="menuitem"]')];
}

function onKeyDown(event: KeyboardEvent<HTMLElement>): void {
  const items = itemsOf(event.currentTarget);
  const current = items.findIndex((item) => item === document.activeElement || item.matches(':focus'));
  const next = nextItem(event.key, current, items);
  if (next !== null) {
    event.preventDefault();
    items.at(next % items.length)?.focus();
  } else if (event.key === 'Tab' || event.key === 'Escape') {
    // A menu is one stop: Tab leaves it.
    closeMenuOf(event.currentTarget);
  }
  // Not a key of the list below.
  event.stopPropagation();
}

/** The index of the item that gets the focus; null if the key moves it nowhere. -1 is the last one. */
function nextItem(key: string, current: number, items: readonly HTMLElement[]): number | null {
  switch (key) {
    case 'ArrowDown':
      return below(current, items, 1) ?? 0;
    case 'ArrowUp':
      return below(current, items, -1) ?? -1;
    case 'ArrowRight':
    case 'ArrowLeft': {
      const isRightToLeft = items[0] !== undefined && getComputedStyle(items[0]).direction === 'rtl';
      return current + ((key === 'ArrowRight') === isRightToLeft ? -1 : 1);
    }
    case 'Home':
      return 0;
    case 'End':
      return -1;
    default: {
      if (!/^\p{Letter}$/u.test(key)) {
        return null;
      }
      const letter = key.toLocaleLowerCase();
      const starts = (item: HTMLElement) => item.textContent.trim().toLocaleLowerCase().startsWith(letter);
      const after = items.findIndex((item, index) => index > current && starts(item));
      const first = after === -1 ? items.findIndex(starts) : after;
      return first === -1 ? null : first;
    }
  }
}

/** The next item in another line: some items are side by side. Null after the last line. */
function below(current: number, items: readonly HTMLElement[], step: 1 | -1): number | null {
  const line = items[current]?.offsetTop;
  for (let index = current + step; index >= 0 && index < items.length; index += step) {
    if (line === undefined || items[index]?.offsetTop !== line) {
      return index;
    }
  }
  return null;
}
