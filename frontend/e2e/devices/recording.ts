import { isDeepStrictEqual } from 'node:util';
import { type LogEvent, type Store, memoryStore } from '@cruddur/client';
import { WebSocket } from 'ws';

/** A message of the socket that contains a row of the log. */
interface Frame {
  type: string;
  number: number;
  events: LogEvent[];
}

/** What a device requests and receives, recorded before the client has it. */
export class Recording {
  /** Requests by route. */
  readonly requests = { send: 0, events: 0, messages: 0, groups: 0 };
  /** Rows of the log by number, from frames and responses. */
  readonly rows = new Map<number, LogEvent[]>();
  frames = 0;
  /** Responses with 410. */
  expired = 0;
  /** How often the client moved to the end of the log without reading it. The first time is the start. */
  resets = 0;
  /** Sockets that were opened. */
  opened = 0;
  /** The uuid with which the device opens sockets. */
  device: string | undefined;
  /** The number of the client's position in the log; null before the first. */
  position: number | null = null;
  /** The first position, which was the end of the log. */
  start: number | null = null;
  readonly violations: string[] = [];
  /** The cursors of the log's end that the API returned. */
  readonly #ends = new Set<string>();

  /** A `fetch` that records. */
  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, searchParams } = new URL(String(input));
    const route = routeOf(pathname, init?.method ?? 'GET');
    if (route !== undefined) {
      this.requests[route] += 1;
    }
    const response = await fetch(input, init);
    if (response.status === 410) {
      this.expired += 1;
    }
    if (route === 'events' && response.ok) {
      const json = response.json.bind(response);
      response.json = async () => {
        const events = (await json()) as LogEvent[];
        const next = /[?&]after=([^&>]+)/.exec(response.headers.get('link') ?? '')?.[1];
        if (!searchParams.has('after') && next !== undefined) {
          this.#ends.add(next);
        }
        for (const number of new Set(events.map((event) => event.number))) {
          this.#received(number, events.filter((event) => event.number === number));
        }
        return events;
      };
    }
    return response;
  };

  /** A `WebSocket` that records. */
  createWebSocket(): new (url: string, protocols: string[]) => WebSocket {
    const onOpen = () => {
      this.opened += 1;
    };
    const onDevice = (device: string | undefined) => {
      this.device = device;
    };
    const onMessage = (text: string) => this.#onMessage(text);
    return class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        onDevice(protocols.find((protocol) => protocol.startsWith('device.')));
        this.addEventListener('open', onOpen);
        this.addEventListener('message', ({ data }) => onMessage(String(data)));
      }
    };
  }

  /** A store in memory that records the position in the log. */
  createStore(): Store {
    const store = memoryStore();
    return {
      get: (key) => store.get(key),
      set: (key, value) => {
        if (key.startsWith('cruddur.cursor.')) {
          this.#moved(value);
        }
        return store.set(key, value);
      },
      remove: (key) => store.remove(key),
      keys: (prefix) => store.keys(prefix),
      subscribe: (listener) => store.subscribe(listener),
    };
  }

  #onMessage(text: string): void {
    const { type, number, events } = JSON.parse(text) as Frame;
    if (type === 'events') {
      this.frames += 1;
      this.#received(number, events);
    }
  }

  #received(number: number, events: LogEvent[]): void {
    const known = this.rows.get(number);
    if (known !== undefined && !isDeepStrictEqual(known, events)) {
      this.violations.push(`row ${number} came with two contents`);
    }
    this.rows.set(number, events);
  }

  /** Checks that the client passes no row that it was not given. */
  #moved(cursor: string): void {
    const number = numberOf(cursor);
    const before = this.position;
    this.position = number;
    this.start ??= number;
    if (this.#ends.delete(cursor)) {
      this.resets += 1;
      return;
    }
    if (before === null || number < before) {
      this.violations.push(`the position went from ${before} to ${number}`);
      return;
    }
    for (let passed = before + 1; passed <= number; passed += 1) {
      if (!this.rows.has(passed)) {
        this.violations.push(`the position passed row ${passed}, which was not received`);
      }
    }
  }
}

function routeOf(path: string, method: string): keyof Recording['requests'] | undefined {
  if (path === '/api/events') {
    return 'events';
  }
  if (path === '/api/message_groups') {
    return 'groups';
  }
  return path.startsWith('/api/messages') ? (method === 'POST' ? 'send' : 'messages') : undefined;
}

/** The number at the beginning of a cursor. */
export function numberOf(cursor: string): number {
  return Number.parseInt(Buffer.from(cursor, 'base64url').toString(), 10);
}
