import { type RefObject, useEffect, useEffectEvent } from 'react';
import { type MenuAnchor, anchorAt } from '../menu-anchor.ts';

/** Milliseconds of a long press. */
const LONG_PRESS = 500;
/** Pixels that a finger may move during a long press. */
const STEADY = 10;

/**
 * Opens the menus of a list's rows: by a button with `data-menu`, right click, long press, and the keys for menus. Listens to
 * the list, not to its rows. `rows` is the selector of a row.
 */
export function useMenuGestures(
  box: RefObject<HTMLElement | null>,
  rows: string,
  onMenu: (row: HTMLElement, anchor: MenuAnchor) => void,
): void {
  const open = useEffectEvent(onMenu);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return undefined;
    }
    const listening = new AbortController();
    const { signal } = listening;
    let press: { x: number; y: number; timer: ReturnType<typeof setTimeout> } | null = null;
    /** Whether the next click ends a long press. */
    let isOpened = false;
    const find = ({ target }: Event, selector: string) => (target instanceof Element ? target.closest<HTMLElement>(selector) : null);
    const cancel = () => {
      clearTimeout(press?.timer);
      press = null;
    };

    element.addEventListener(
      'contextmenu',
      (event) => {
        const row = find(event, rows);
        cancel();
        if (row !== null && !event.shiftKey && !isForBrowser(event)) {
          event.preventDefault();
          isOpened = event.button !== 2;
          // The keys for menus report no useful position.
          const isKey = event.button !== 2 && event.target === document.activeElement;
          open(row, isKey ? row.getBoundingClientRect() : anchorAt(event.clientX, event.clientY));
        }
      },
      { signal },
    );
    // The focus stays where it is, and so what is typed after a choice goes into the text field.
    element.addEventListener(
      'mousedown',
      (event) => {
        if (find(event, '[data-menu]') !== null || (event.button === 2 && find(event, rows) !== null && !isForBrowser(event))) {
          event.preventDefault();
        }
      },
      { signal },
    );
    element.addEventListener(
      'pointerdown',
      (event) => {
        const row = find(event, rows);
        cancel();
        isOpened = false;
        if (row !== null && event.pointerType !== 'mouse' && event.isPrimary && !isForBrowser(event)) {
          const { clientX: x, clientY: y } = event;
          const timer = setTimeout(() => {
            press = null;
            isOpened = true;
            open(row, anchorAt(x, y));
          }, LONG_PRESS);
          press = { x, y, timer };
        }
      },
      { signal },
    );
    element.addEventListener(
      'pointermove',
      (event) => {
        if (press !== null && Math.hypot(event.clientX - press.x, event.clientY - press.y) > STEADY) {
          cancel();
        }
      },
      { signal },
    );
    element.addEventListener('pointerup', cancel, { signal });
    element.addEventListener('pointercancel', cancel, { signal });
    element.addEventListener(
      'click',
      (event) => {
        const button = find(event, '[data-menu]');
        const row = find(event, rows);
        if (isOpened && event.detail > 0) {
          // It would open the conversation, or close the menu.
          event.preventDefault();
          event.stopPropagation();
        } else if (button !== null && row !== null) {
          open(row, button.getBoundingClientRect());
        }
        isOpened = false;
      },
      { signal, capture: true },
    );
    return () => {
      cancel();
      listening.abort();
    };
  }, [box, rows]);
}

/** Whether the browser's own behavior is of more use: on links in messages, in fields, and on selected text. */
function isForBrowser({ target }: Event): boolean {
  const selection = window.getSelection();
  const isSelected = selection?.isCollapsed === false && target instanceof Node && selection.containsNode(target, true);
  return isSelected || (target instanceof Element && target.closest('.cruddur-link, textarea') !== null);
}
