/** The element with the focus in a document or a shadow tree. */
export function focusedIn(root: Node): HTMLElement | null {
  const focused = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
  return focused instanceof HTMLElement ? focused : null;
}
