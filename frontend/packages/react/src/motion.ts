/** Lets an element move from a state to its own, for a moment. Does nothing for people who prefer reduced motion. */
export function moveFrom(element: HTMLElement | null, from: Keyframe): void {
  if (!window.matchMedia('(prefers-reduced-motion: reduce)').matches) {
    element?.animate([from, {}], { duration: 150, easing: 'ease-out' });
  }
}
