/** Milliseconds without a repeat after which a held key counts as released: the browser may have missed its keyup. */
const RELEASED_AFTER = 2000;

interface Press {
  on: EventTarget | null;
  at: number;
}

/**
 * Tracks the element on which Enter went down. A held key repeats in the newly focused element, and not every system marks
 * repeats with `KeyboardEvent.repeat`.
 */
class EnterKey {
  #press: Press | null = null;

  constructor() {
    if (typeof window === 'undefined') {
      // A server imports the package, too.
      return;
    }
    window.addEventListener('keydown', (event) => this.#down(event), { capture: true });
    window.addEventListener('keyup', (event) => event.key === 'Enter' && this.#up(), { capture: true });
    window.addEventListener('blur', () => this.#up());
  }

  /** Whether this keydown is a new press on this element, not the repeat of an earlier one. */
  isPressed(event: KeyboardEvent, element: EventTarget): boolean {
    return !event.repeat && this.#press?.on === element;
  }

  #down(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.isComposing) {
      return;
    }
    const at = performance.now();
    const press = this.#press;
    // In a shadow tree, `event.target` is its host.
    const target = event.composedPath()[0] ?? null;
    const held = event.repeat || (press !== null && at - press.at < RELEASED_AFTER && press.on !== target);
    this.#press = { on: held ? (press?.on ?? null) : target, at };
  }

  #up(): void {
    this.#press = null;
  }
}

export const enterKey = new EnterKey();
