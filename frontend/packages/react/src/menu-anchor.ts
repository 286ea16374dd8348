/** Where a menu opens: below or above a rectangle of the window. A point is a rectangle without a size. */
export type MenuAnchor = Pick<DOMRectReadOnly, 'left' | 'right' | 'top' | 'bottom'>;

export function anchorAt(x: number, y: number): MenuAnchor {
  return { left: x, right: x, top: y, bottom: y };
}
