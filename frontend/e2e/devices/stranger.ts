import { WebSocket } from 'ws';
import type { Stack } from './stack.ts';
import { pause } from './wait.ts';

/** Milliseconds between pings, until a lost connection is opened again, and until it is opened with a new token. */
const PING = 1000;
const RECONNECT = 200;
const RENEW = 60_000;

/** A user who is not a member of the group, with a socket that is always open. */
export class Stranger {
  readonly handle: string;
  /** Everything received except pongs. */
  readonly received: string[] = [];
  pongs = 0;
  opened = 0;
  readonly #stack: Stack;
  readonly #device: string;
  #socket: WebSocket | undefined;

  private constructor(stack: Stack, handle: string, device: string) {
    this.#stack = stack;
    this.handle = handle;
    this.#device = device;
  }

  /** `device` is the subprotocol that names the device. Returns when the socket is open. */
  static async start(stack: Stack, handle: string, device: string): Promise<Stranger> {
    const stranger = new Stranger(stack, handle, device);
    await stranger.open();
    setInterval(() => void stranger.open(), RENEW).unref();
    setInterval(() => stranger.#socket?.send('{"type":"ping"}', () => undefined), PING).unref();
    return stranger;
  }

  /** Opens a socket with a new token, and then closes the one before. Tries again until it is open. */
  async open(): Promise<void> {
    for (;;) {
      const socket = await this.#connect().catch(() => null);
      if (socket !== null) {
        const before = this.#socket;
        this.#socket = socket;
        this.opened += 1;
        before?.close();
        socket.on('close', () => this.#socket === socket && void this.open());
        return;
      }
      await pause(RECONNECT);
    }
  }

  async #connect(): Promise<WebSocket> {
    const token = await this.#stack.token(this.handle);
    const socket = new WebSocket(`${this.#stack.url.replace('http', 'ws')}/ws`, ['cruddur.v1', this.#device, `bearer.${token}`]);
    socket.on('message', (data) => {
      const text = String(data);
      if (text === '{"type":"pong"}') {
        this.pongs += 1;
      } else {
        this.received.push(text);
      }
    });
    return await new Promise((resolve, reject) => {
      socket.on('open', () => resolve(socket));
      socket.on('error', reject);
    });
  }
}
