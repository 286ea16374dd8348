/** Prevents the click of a touch that has begun: it only closes what is open, and does nothing where the finger is. */
export function preventTap({ pointerType }: PointerEvent): void {
  if (pointerType === 'mouse') {
    return;
  }
  const listening = new AbortController();
  const options = { signal: listening.signal, capture: true };
  // A touch that scrolls has no click.
  window.addEventListener('pointerdown', () => listening.abort(), options);
  window.addEventListener(
    'click',
    (event) => {
      event.preventDefault();
      event.stopPropagation();
      listening.abort();
    },
    options,
  );
}
