import type { MenuAnchor } from '../menu-anchor.ts';

/** Pixels between a popover and the edges of the window. */
const MARGIN = 8;

/** Places a popover below its anchor, or above if there is no room, within the window. */
export function place(popover: HTMLElement, { left, right, top, bottom }: MenuAnchor): void {
  const { width, height } = popover.getBoundingClientRect();
  const { innerWidth, innerHeight } = window;
  const x = getComputedStyle(popover).direction === 'rtl' ? right - width : left;
  const y = bottom + height + MARGIN <= innerHeight ? bottom : top - height;
  popover.style.left = `${Math.max(MARGIN, Math.min(x, innerWidth - width - MARGIN))}px`;
  popover.style.top = `${Math.max(MARGIN, Math.min(y, innerHeight - height - MARGIN))}px`;
}
