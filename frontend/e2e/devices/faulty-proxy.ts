import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

/**
 * How a connection breaks: `reset` and `end` close it; `silent` drops what both sides send and leaves it open; `stuck` reads
 * nothing from either side any more.
 */
export const FAULTS = ['reset', 'end', 'silent', 'stuck'] as const;
export type Fault = (typeof FAULTS)[number];

interface Odds {
  /** The fewest and the most bytes, in both directions, until a connection breaks. The distribution is log-uniform. */
  least: number;
  most: number;
  /** The share of each fault. Their sum is 1. */
  shares: Record<Fault, number>;
}

/** Log-uniform: half of the sockets break within 20 KB, so some break during the handshake. */
const SOCKET: Odds = { least: 200, most: 2_000_000, shares: { reset: 0.35, end: 0.3, silent: 0.2, stuck: 0.15 } };

/** A request on a silent connection takes 31 s, so there are few. */
const REQUESTS: Odds = { least: 200, most: 1_000_000, shares: { reset: 0.5, end: 0.46, silent: 0.02, stuck: 0.02 } };

/** Milliseconds from the end of a silent connection on one side to its end on the other. */
const HALF_OPEN = 30_000;

/** The network of a device: a TCP proxy that breaks each connection after a random number of bytes. */
export class FaultyProxy {
  /** Broken connections: WebSockets, and those of requests. */
  readonly sockets: Record<Fault, number> = { reset: 0, end: 0, silent: 0, stuck: 0 };
  readonly requests: Record<Fault, number> = { reset: 0, end: 0, silent: 0, stuck: 0 };
  readonly #server: Server;
  readonly #port: number;
  readonly #random: () => number;
  #isHealed = false;

  private constructor(port: number, random: () => number) {
    this.#port = port;
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#connect(client));
  }

  static async start(port: number, random: () => number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(port, random);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Breaks no further connection. Silent ones stay silent. */
  heal(): void {
    this.#isHealed = true;
  }

  #connect(client: Socket): void {
    const server = connect({ host: '127.0.0.1', port: this.#port, allowHalfOpen: true });
    let isBroken = false;
    /** Bytes until the connection breaks; undefined before the first byte. */
    let left: number | undefined;
    let isSocket = false;
    const breakNow = () => {
      isBroken = true;
      const fault = this.#fault(isSocket ? SOCKET : REQUESTS);
      (isSocket ? this.sockets : this.requests)[fault] += 1;
      if (fault === 'reset') {
        client.resetAndDestroy();
        server.resetAndDestroy();
      } else if (fault === 'end') {
        client.destroy();
        server.destroy();
      } else if (fault === 'stuck') {
        client.pause();
        server.pause();
      }
    };
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (chunk) => {
        if (isBroken) {
          return;
        }
        if (left === undefined) {
          isSocket = chunk.subarray(0, 8).toString() === 'GET /ws ';
          left = this.#bytes(isSocket ? SOCKET : REQUESTS);
        }
        const breaks = chunk.length > left && !this.#isHealed;
        const passed = breaks ? chunk.subarray(0, left) : chunk;
        left -= passed.length;
        if (!to.write(passed)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        if (breaks) {
          breakNow();
        }
      });
      from.on('end', () => !isBroken && to.end());
      from.on('error', () => !isBroken && to.resetAndDestroy());
      from.on('close', () => {
        if (isBroken) {
          setTimeout(() => to.resetAndDestroy(), HALF_OPEN).unref();
        } else {
          to.destroy();
        }
      });
    };
    pass(client, server);
    pass(server, client);
  }

  #bytes({ least, most }: Odds): number {
    return Math.floor(least * (most / least) ** this.#random());
  }

  #fault({ shares }: Odds): Fault {
    let left = this.#random();
    return FAULTS.find((fault) => (left -= shares[fault]) < 0) ?? 'reset';
  }
}
