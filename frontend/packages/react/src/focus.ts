/** The element with the focus in a document or a shadow tree. */
export function focusedIn(root: Node): HTMLElement | null {
  const focused = root instanceof Document || root instanceof ShadowRoot ? root.activeElement : null;
  return focused instanceof HTMLElement ? focused : null;
}

/** Whether no element of a document or a shadow tree has the focus. */
export function isFocusLost(root: Node): boolean {
  const focused = focusedIn(root);
  return focused === null || focused === document.body;
}

/** Milliseconds within which a message is in the document after its list was scrolled to it. */
const SHOWN_WITHIN = 3000;

/**
 * Makes an attempt with an element of a message in each frame until one succeeds, or the message should have been shown: rows that
 * are not measured are hidden. Returns a function that ends the attempts.
 */
export function whenShown(attempt: () => boolean, onEnd?: () => void): () => void {
  const latest = performance.now() + SHOWN_WITHIN;
  let frame = 0;
  function next(): void {
    if (attempt() || performance.now() > latest) {
      onEnd?.();
    } else {
      frame = requestAnimationFrame(next);
    }
  }
  next();
  return () => cancelAnimationFrame(frame);
}

/** Gives the focus to an element of a message when it is shown. Returns whether it has the focus. */
export function focusShown(element: HTMLElement | null): boolean {
  element?.focus({ preventScroll: true });
  return element?.matches(':focus') === true;
}
