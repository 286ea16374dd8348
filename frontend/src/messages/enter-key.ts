/** Milliseconds after which a key that is held would have come again. Whatever came before, its release was missed. */
const HELD = 2000;

interface Press {
  on: EventTarget | null;
  at: number;
}

/**
 * Where the Enter key went down that is held. A key that is held repeats itself wherever the focus goes, and not every
 * system marks those repeats.
 */
class EnterKey {
  #press: Press | null = null;

  constructor() {
    window.addEventListener('keydown', (event) => this.#down(event), { capture: true });
    window.addEventListener('keyup', (event) => event.key === 'Enter' && this.#up(), { capture: true });
    window.addEventListener('blur', () => this.#up());
  }

  /** Whether this keydown is a press of its own, on this element. */
  isPressed(event: KeyboardEvent, element: EventTarget): boolean {
    return !event.repeat && this.#press?.on === element;
  }

  #down(event: KeyboardEvent): void {
    if (event.key !== 'Enter' || event.isComposing) {
      return;
    }
    const at = performance.now();
    const held = event.repeat || (this.#press !== null && at - this.#press.at < HELD && this.#press.on !== event.target);
    this.#press = { on: held ? (this.#press?.on ?? null) : event.target, at };
  }

  #up(): void {
    this.#press = null;
  }
}

export const enterKey = new EnterKey();
