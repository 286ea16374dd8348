import type { Tabs } from '../src/index.ts';

interface Holder {
  reject: (error: Error) => void;
}

interface Lock {
  holder: Holder | null;
  queue: { start: () => void }[];
}

/** The tabs of a browser, with Web Locks and channels in memory. */
export class FakeTabs {
  readonly #locks = new Map<string, Lock>();
  readonly #channels = new Map<string, Set<(message: unknown) => void>>();

  /** The connection of one tab to the others. `isFrozen` tells whether the browser runs none of its code. */
  tab(isFrozen: () => boolean = () => false): Tabs {
    return {
      lead: (name, signal, held) => this.#lead(name, signal, held),
      takeOver: (name, held) => this.#takeOver(name, held),
      channel: (name, onMessage) => {
        const channels = this.#channels.get(name) ?? new Set();
        this.#channels.set(name, channels);
        const receive = (message: unknown) => {
          if (!isFrozen()) {
            onMessage(message);
          }
        };
        channels.add(receive);
        return {
          post: (message) => {
            const copy: unknown = structuredClone(message);
            for (const other of channels) {
              if (other !== receive && !isFrozen()) {
                setTimeout(() => other(copy));
              }
            }
          },
          close: () => channels.delete(receive),
        };
      },
    };
  }

  #lock(name: string): Lock {
    const lock = this.#locks.get(name) ?? { holder: null, queue: [] };
    this.#locks.set(name, lock);
    return lock;
  }

  #lead(name: string, signal: AbortSignal, held: () => Promise<void>): Promise<void> {
    const lock = this.#lock(name);
    return new Promise((resolve, reject) => {
      const entry = { start: () => void this.#hold(lock, held, reject).then(resolve, reject) };
      signal.addEventListener('abort', () => {
        lock.queue = lock.queue.filter((other) => other !== entry);
        reject(new DOMException('aborted', 'AbortError'));
      });
      lock.queue.push(entry);
      setTimeout(() => this.#next(lock));
    });
  }

  #takeOver(name: string, held: () => Promise<void>): Promise<void> {
    const lock = this.#lock(name);
    lock.holder?.reject(new DOMException('stolen', 'AbortError'));
    return new Promise((resolve, reject) => void this.#hold(lock, held, reject).then(resolve, reject));
  }

  async #hold(lock: Lock, held: () => Promise<void>, reject: (error: Error) => void): Promise<void> {
    const holder = { reject };
    lock.holder = holder;
    await held();
    if (lock.holder === holder) {
      lock.holder = null;
      this.#next(lock);
    }
  }

  #next(lock: Lock): void {
    if (lock.holder === null) {
      lock.queue.shift()?.start();
    }
  }
}
