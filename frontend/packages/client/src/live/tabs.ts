/** A channel to the other tabs of a browser. */
export interface TabChannel {
  post: (message: unknown) => void;
  close: () => void;
}

/** What connects the tabs of a browser that have the same storage. */
export interface Tabs {
  /**
   * Calls `held` in one tab at a time, until its promise resolves. Rejects with an `AbortError` if `signal` ends the wait or
   * another tab takes over, and with another error if the browser denies locks.
   */
  lead: (name: string, signal: AbortSignal, held: () => Promise<void>) => Promise<void>;
  /** The same, but takes over from the tab that leads. */
  takeOver: (name: string, held: () => Promise<void>) => Promise<void>;
  channel: (name: string, onMessage: (message: unknown) => void) => TabChannel;
}

/** Web Locks and a BroadcastChannel; null if the browser lacks them, as on pages without https, and in Node. */
export function browserTabs(): Tabs | null {
  const locks = globalThis.navigator?.locks;
  if (locks === undefined || globalThis.BroadcastChannel === undefined) {
    return null;
  }
  return {
    lead: (name, signal, held) => locks.request(name, { signal }, held),
    takeOver: (name, held) => locks.request(name, { steal: true }, held),
    channel: (name, onMessage) => {
      const channel = new BroadcastChannel(name);
      channel.addEventListener('message', ({ data }) => onMessage(data));
      return {
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- A channel has one origin.
        post: (message) => channel.postMessage(message),
        close: () => channel.close(),
      };
    },
  };
}
