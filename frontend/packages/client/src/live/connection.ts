import type { Timing } from './timing.ts';

/** The part of the DOM's `WebSocket` that is used here. */
export interface WebSocketLike {
  send(data: string): void;
  close(): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: unknown) => void): void;
}

/** The DOM's `WebSocket`, or that of the package `ws`. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface ConnectionOptions {
  socket: WebSocketLike;
  timing: Timing;
  onOpen: () => void;
  onText: (text: unknown) => void;
  /** Called when the connection was not opened or is lost, unless it was closed here. */
  onLost: () => void;
  /** Whether a conversation is open. */
  isConversationOpen: () => boolean;
}

/** A connection with heartbeats. */
export class Connection {
  readonly #options: ConnectionOptions;
  /** The deadline for opening, or for the answer to a ping. */
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #isOpen = false;
  #isClosed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { socket, timing } = options;
    this.#deadline = setTimeout(() => this.#lose(), timing.opening);
    socket.addEventListener('open', () => this.#open());
    socket.addEventListener('message', (event) => this.#receive(event));
    socket.addEventListener('close', () => this.#lose());
    socket.addEventListener('error', () => this.#lose());
  }

  /** Checks whether the other side still answers. */
  ping(): void {
    if (this.#isOpen && !this.#isClosed && this.#deadline === undefined) {
      const { socket, timing } = this.#options;
      this.#deadline = setTimeout(() => this.#lose(), timing.pong);
      socket.send('{"type":"ping"}');
    }
  }

  /** Closes the connection. None of the callbacks is called any more. */
  close(): void {
    if (!this.#isClosed) {
      this.#isClosed = true;
      clearTimeout(this.#deadline);
      clearInterval(this.#heartbeat);
      this.#options.socket.close();
    }
  }

  #open(): void {
    if (!this.#isClosed) {
      this.#isOpen = true;
      this.#heard();
      this.#options.onOpen();
    }
  }

  #receive(event: unknown): void {
    if (!this.#isClosed) {
      this.#heard();
      this.#options.onText(typeof event === 'object' && event !== null && 'data' in event ? event.data : null);
    }
  }

  /** Every message shows that the connection works. */
  #heard(): void {
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
    clearInterval(this.#heartbeat);
    const { timing, isConversationOpen } = this.#options;
    let quiet = 0;
    this.#heartbeat = setInterval(() => {
      quiet += timing.pingInConversation;
      if (quiet >= timing.ping || isConversationOpen()) {
        this.ping();
      }
    }, timing.pingInConversation);
  }

  #lose(): void {
    if (!this.#isClosed) {
      this.close();
      this.#options.onLost();
    }
  }
}
