import { type KeyboardEvent, type RefObject, useState } from 'react';
import type { MenuAnchor } from '../menu-anchor.ts';

const ROW = '[data-key]';

/**
 * The keys of the list of messages: arrows move the focus between messages, Enter opens a menu, and Escape and what is typed go to
 * the text field.
 *
 * `focused` is the key of the message that has the focus: it has to stay in the document.
 */
export function useMessageKeys(box: RefObject<HTMLElement | null>, onMenu: (row: HTMLElement, anchor: MenuAnchor) => void) {
  const [focused, setFocused] = useState<string | null>(null);

  function onKeyDown(event: KeyboardEvent<HTMLElement>) {
    const { target, key } = event;
    const list = box.current;
    if (list === null || !(target instanceof HTMLElement) || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    const row = target.closest<HTMLElement>(ROW);
    if (key === 'Enter' && row !== null && target === row) {
      event.preventDefault();
      onMenu(row, (row.querySelector('.cruddur-bubble') ?? row).getBoundingClientRect());
    } else if (key === 'ArrowUp' || key === 'ArrowDown') {
      const rows = [...list.querySelectorAll<HTMLElement>(ROW)];
      const next = row === null ? lastVisible(rows, list) : rows[rows.indexOf(row) + (key === 'ArrowUp' ? -1 : 1)];
      // Without a next message, the list scrolls.
      if (next !== undefined) {
        event.preventDefault();
        next.focus();
      }
    } else if (key === 'Escape' || (key.length === 1 && key !== ' ' && (target === row || target === list))) {
      // The character is inserted where the focus is afterwards.
      list.closest('.cruddur-conversation')?.querySelector<HTMLElement>('.cruddur-composer textarea')?.focus();
    }
  }

  return {
    focused,
    onKeyDown,
    onFocus: (event: { target: EventTarget }) => {
      setFocused(event.target instanceof Element ? (event.target.closest<HTMLElement>(ROW)?.dataset['key'] ?? null) : null);
    },
    onBlur: (event: { relatedTarget: EventTarget | null }) => {
      if (!(event.relatedTarget instanceof Node && box.current?.contains(event.relatedTarget) === true)) {
        setFocused(null);
      }
    },
  };
}

/** The last message that begins in the visible part of the list. */
function lastVisible(rows: readonly HTMLElement[], list: HTMLElement): HTMLElement | undefined {
  const { bottom } = list.getBoundingClientRect();
  return rows.findLast((row) => row.getBoundingClientRect().top < bottom) ?? rows.at(-1);
}
