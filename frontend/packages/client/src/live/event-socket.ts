import type { Credentials } from '../api/credentials.ts';
import { Connection, type WebSocketConstructor } from './connection.ts';
import type { Timing } from './timing.ts';
import { tokenLife } from './token-life.ts';

export interface EventSocketOptions {
  url: string;
  WebSocket: WebSocketConstructor;
  /** The uuid of this browser. A connection replaces that of the same device. */
  device: string;
  credentials: Pick<Credentials, 'token' | 'renew'>;
  timing: Timing;
  random: () => number;
  isConversationOpen: () => boolean;
  onText: (text: unknown) => void;
  /** Called when a connection was opened: events before it may be missing. */
  onOpen: () => void;
  /** Called when there is no connection any more. */
  onLost: () => void;
}

/** A connection that is opened again after losses, and before its token ends. */
export class EventSocket {
  readonly #options: EventSocketOptions;
  #current: Connection | null = null;
  /** The connection to be opened. */
  #next: Connection | null = null;
  /** Attempts in a row without a stable connection. */
  #failures = 0;
  /** The token of the current connection. */
  #token: string | undefined;
  #openedAt = 0;
  /** A token that seems to end at once although it is new: the issuer has no other, or this device's clock is wrong. */
  #newest: string | undefined;
  /** Changes with each start and stop, so that what began before has no effect. */
  #round = 0;
  #isRunning = false;
  #isConnecting = false;
  #attempt: ReturnType<typeof setTimeout> | undefined;
  #end: ReturnType<typeof setTimeout> | undefined;
  readonly #retired = new Set<Connection>();

  constructor(options: EventSocketOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#current !== null;
  }

  start(): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      void this.#connect();
    }
  }

  stop(): void {
    this.#isRunning = false;
    this.#isConnecting = false;
    this.#round += 1;
    clearTimeout(this.#attempt);
    clearTimeout(this.#end);
    for (const connection of [this.#current, this.#next, ...this.#retired]) {
      connection?.close();
    }
    this.#current = null;
    this.#next = null;
    this.#retired.clear();
    this.#failures = 0;
  }

  /** Checks the connection, or opens one now. */
  wake(): void {
    if (this.#current !== null) {
      this.#current.ping();
    } else if (this.#isRunning) {
      void this.#connect();
    }
  }

  /** Replaces a connection that does not deliver. */
  reconnect(): void {
    if (this.#current !== null) {
      this.#lose(this.#current);
    }
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting) {
      return;
    }
    this.#isConnecting = true;
    clearTimeout(this.#attempt);
    const round = this.#round;
    const token = await this.#lastingToken();
    if (round !== this.#round) {
      return;
    }
    const { url, device, WebSocket, timing, isConversationOpen, onText } = this.#options;
    if (this.#current !== null && token !== undefined && token === this.#token && isEnding(token, timing)) {
      // The next connection would end with the current one.
      this.#failed();
      return;
    }
    try {
      if (token === undefined) {
        throw new Error('there is no token');
      }
      const connection: Connection = new Connection({
        // Throws if the address or the token has a character that is not allowed there.
        socket: new WebSocket(url, ['cruddur.v1', `device.${device}`, `bearer.${token}`]),
        timing,
        isConversationOpen,
        onText,
        onOpen: () => this.#opened(connection, token),
        onLost: () => this.#lose(connection),
      });
      this.#next = connection;
    } catch {
      this.#failed();
    }
  }

  /** A token that is not about to end, if the issuer has one. */
  async #lastingToken(): Promise<string | undefined> {
    const { credentials, timing } = this.#options;
    const token = credentials.token();
    if (token !== undefined && (token === this.#newest || !isEnding(token, timing))) {
      return token;
    }
    // Whether the session has ended is for the requests to find out.
    await credentials.renew();
    const renewed = credentials.token();
    this.#newest = renewed !== undefined && isEnding(renewed, timing) ? renewed : undefined;
    return renewed;
  }

  #opened(connection: Connection, token: string): void {
    const { timing, onOpen } = this.#options;
    const before = this.#current;
    if (before !== null) {
      // Frames may still be on their way over the old connection.
      this.#retired.add(before);
      setTimeout(() => {
        before.close();
        this.#retired.delete(before);
      }, timing.late);
    }
    this.#current = connection;
    this.#token = token;
    this.#next = null;
    this.#isConnecting = false;
    this.#openedAt = performance.now();
    const { left, whole } = tokenLife(token, Date.now());
    const life = Math.min(left > 0 ? left : Number.POSITIVE_INFINITY, whole, timing.life);
    clearTimeout(this.#end);
    this.#end = setTimeout(() => this.#lose(connection), life);
    this.#attempt = setTimeout(() => void this.#connect(), life - Math.min(timing.overlap, life / 4));
    onOpen();
  }

  #lose(connection: Connection): void {
    connection.close();
    if (connection === this.#next) {
      this.#next = null;
      this.#failed();
    } else if (connection === this.#current) {
      this.#current = null;
      clearTimeout(this.#end);
      if (performance.now() - this.#openedAt > this.#options.timing.pong) {
        this.#failures = 0;
      }
      this.#options.onLost();
      if (!this.#isConnecting) {
        this.#failed();
      }
    }
  }

  /** Connects later: after 1 s at most, doubling to a minute, and any time up to that. */
  #failed(): void {
    this.#isConnecting = false;
    this.#failures += 1;
    const { timing, random } = this.#options;
    const most = Math.min(timing.reconnectMost, timing.reconnect * 2 ** (this.#failures - 1));
    clearTimeout(this.#attempt);
    this.#attempt = setTimeout(() => void this.#connect(), random() * most);
  }
}

/** Whether a token ends within the overlap of two connections. */
function isEnding(token: string, { overlap }: Timing): boolean {
  const { left, whole } = tokenLife(token, Date.now());
  return left <= Math.min(overlap, whole / 4);
}
