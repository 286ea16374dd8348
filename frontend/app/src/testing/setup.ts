import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { server } from './fake-stack.ts';
import { addTopLayer } from './top-layer.ts';

// Tests of the client in Node have no window.
const page = typeof window === 'undefined' ? null : window;

// jsdom has no layout. Each element is 20 pixels high, and each box of a list has room for them all.
class EveryElementIsSmall implements ResizeObserver {
  readonly #callback: ResizeObserverCallback;

  constructor(callback: ResizeObserverCallback) {
    this.#callback = callback;
  }

  observe(target: Element): void {
    const height = target.tagName === 'LI' ? 20 : 100_000;
    const contentRect = { width: 500, height } as DOMRectReadOnly;
    queueMicrotask(() => this.#callback([{ target, contentRect } as ResizeObserverEntry], this));
  }

  unobserve(): void {
    // Nothing changes its size.
  }

  disconnect(): void {
    // Nothing changes its size.
  }
}

if (page !== null) {
  page.ResizeObserver = EveryElementIsSmall;
  Object.defineProperty(page.HTMLElement.prototype, 'offsetParent', { get: () => page.document.body });
  page.HTMLElement.prototype.scrollTo = () => undefined;
  addTopLayer(page);
  // jsdom has no `matchMedia` and no `animate`. This one has a wide screen, a mouse, and no motion.
  page.matchMedia = (query) =>
    Object.assign(new EventTarget(), {
      matches: query === '(pointer: fine)' || query === '(prefers-reduced-motion: reduce)',
      media: query,
      onchange: null,
      addListener: () => undefined,
      removeListener: () => undefined,
    });
}

// Without a socket, events are requested every three seconds.
configure({ asyncUtilTimeout: 5000 });

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  cleanup();
  server.resetHandlers();
  page?.localStorage.clear();
  page?.sessionStorage.clear();
});
afterAll(() => server.close());
