/** The element with the focus in a document or a shadow tree. */
export function focusedIn(root: Node): HTMLElement | null {
  const focused = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
  return focused instanceof HTMLElement ? focused : null;
}

/** Milliseconds within which a message is in the document after its list was scrolled to it. */
const SHOWN_WITHIN = 3000;

/**
 * Gives the focus to an element of a message that the list is scrolled to. `find` returns null before the element is in the
 * document. Returns a function that ends the attempts.
 */
export function focusWhenShown(find: () => HTMLElement | null, onFocus: (element: HTMLElement) => void): () => void {
  const latest = performance.now() + SHOWN_WITHIN;
  let frame = 0;
  function attempt(): void {
    const element = find();
    element?.focus({ preventScroll: true });
    // Rows that are not measured are hidden, and do not take the focus.
    if (element?.matches(':focus') === true) {
      onFocus(element);
    } else if (performance.now() < latest) {
      frame = requestAnimationFrame(attempt);
    }
  }
  attempt();
  return () => cancelAnimationFrame(frame);
}
