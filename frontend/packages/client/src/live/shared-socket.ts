import { fieldsOf } from '../fields.ts';
import type { EventSocket } from './event-socket.ts';
import type { TabChannel, Tabs } from './tabs.ts';

/** A message between tabs. */
type TabMessage =
  /** From the leader: a text from the socket. */
  | { type: 'text'; text: unknown }
  /** From the leader: whether the socket is open, after each change and each question. */
  | { type: 'state'; isOpen: boolean; isNew: boolean }
  /** To the leader. */
  | { type: 'ask' }
  /** To the leader: the socket does not deliver. */
  | { type: 'reconnect' };

export interface SharedSocketOptions {
  /** Null if each tab has its own socket. */
  tabs: Tabs | null;
  /** Names the browser's socket. */
  name: string;
  /** Creates this tab's socket. */
  open: (handlers: SocketHandlers) => EventSocket;
  /** Milliseconds in which a leader answers. */
  leader: number;
  onText: (text: unknown) => void;
  /** Called when the socket was opened: events before it may be missing. */
  onOpen: () => void;
  /** Called when there is no socket any more. */
  onLost: () => void;
}

type SocketHandlers = Pick<SharedSocketOptions, 'onText' | 'onOpen' | 'onLost'>;

/**
 * The socket of a browser. One tab, the leader, has it and passes on what it receives. When the leader is closed, another tab
 * leads and opens a socket.
 */
export class SharedSocket {
  readonly #options: SharedSocketOptions;
  readonly #socket: EventSocket;
  #tabs: Tabs | null;
  #channel: TabChannel | null = null;
  #isRunning = false;
  /** Ends the wait for the lead. */
  #waiting: AbortController | null = null;
  /** Ends the lead; null if another tab leads. */
  #release: (() => void) | null = null;
  #isOpen = false;
  #question: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SharedSocketOptions) {
    this.#options = options;
    this.#tabs = options.tabs;
    this.#socket = options.open({
      onText: (text) => {
        this.#post({ type: 'text', text });
        options.onText(text);
      },
      onOpen: () => this.#changed(true),
      onLost: () => this.#changed(false),
    });
  }

  /** Whether frames arrive. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  start(): void {
    if (this.#isRunning) {
      return;
    }
    this.#isRunning = true;
    if (this.#tabs === null) {
      this.#socket.start();
      return;
    }
    this.#channel = this.#tabs.channel(this.#options.name, (message) => this.#onMessage(message));
    this.#wait(this.#tabs);
    this.#ask();
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#question);
    this.#socket.stop();
    if (this.#release !== null) {
      this.#post({ type: 'state', isOpen: false, isNew: false });
    }
    this.#waiting?.abort();
    this.#waiting = null;
    this.#release?.();
    this.#release = null;
    this.#channel?.close();
    this.#channel = null;
    this.#isOpen = false;
  }

  /** Checks the socket. If another tab has it, makes sure that this tab still runs. */
  wake(): void {
    if (this.#tabs === null || this.#release !== null) {
      this.#socket.wake();
    } else if (this.#isRunning) {
      this.#ask();
    }
  }

  /** Replaces a socket that does not deliver. */
  reconnect(): void {
    this.#socket.reconnect();
    this.#post({ type: 'reconnect' });
  }

  #wait(tabs: Tabs): void {
    const waiting = new AbortController();
    this.#waiting = waiting;
    const led = tabs.lead(this.#options.name, waiting.signal, () => this.#lead());
    led.catch((error: unknown) => this.#onLeadLost(tabs, error, waiting.signal.aborted));
  }

  /** Asks the leader for the state, and takes over if it does not answer: browsers may freeze it. */
  #ask(): void {
    clearTimeout(this.#question);
    this.#post({ type: 'ask' });
    this.#question = setTimeout(() => {
      if (this.#tabs !== null && this.#isRunning && this.#release === null) {
        const tabs = this.#tabs;
        this.#waiting?.abort();
        tabs.takeOver(this.#options.name, () => this.#lead()).catch((error: unknown) => this.#onLeadLost(tabs, error, false));
      }
    }, this.#options.leader);
  }

  #lead(): Promise<void> {
    if (!this.#isRunning) {
      return Promise.resolve();
    }
    clearTimeout(this.#question);
    this.#changed(false);
    this.#socket.start();
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #onLeadLost(tabs: Tabs, error: unknown, isEnd: boolean): void {
    if (isEnd || !this.#isRunning) {
      return;
    }
    if (error instanceof Error && error.name === 'AbortError') {
      // Another tab took over.
      this.#release = null;
      this.#socket.stop();
      this.#wait(tabs);
      this.#post({ type: 'ask' });
    } else {
      // The browser denies locks.
      this.#tabs = null;
      this.#channel?.close();
      this.#channel = null;
      clearTimeout(this.#question);
      this.#socket.start();
    }
  }

  /** Called when this tab's socket was opened or lost. */
  #changed(isOpen: boolean): void {
    this.#post({ type: 'state', isOpen, isNew: true });
    this.#setOpen(isOpen, true);
  }

  #setOpen(isOpen: boolean, isNew: boolean): void {
    const wasOpen = this.#isOpen;
    this.#isOpen = isOpen;
    if (isOpen && (isNew || !wasOpen)) {
      this.#options.onOpen();
    } else if (!isOpen && wasOpen) {
      this.#options.onLost();
    }
  }

  #onMessage(data: unknown): void {
    const isLeader = this.#release !== null;
    // Tabs may have other versions of the page.
    const { type, text, isOpen, isNew } = fieldsOf(data);
    if (isLeader && type === 'ask') {
      this.#post({ type: 'state', isOpen: this.#socket.isOpen, isNew: false });
    } else if (isLeader && type === 'reconnect') {
      this.#socket.reconnect();
    } else if (!isLeader && type === 'text') {
      clearTimeout(this.#question);
      this.#options.onText(text);
    } else if (!isLeader && type === 'state') {
      clearTimeout(this.#question);
      this.#setOpen(isOpen === true, isNew === true);
    }
  }

  #post(message: TabMessage): void {
    this.#channel?.post(message);
  }
}
