import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { LogEvent, Message, MessageGroup, SentMessage, User } from '../src/index.ts';

/** A row of the log, with what a frame embeds. */
interface LogRow {
  events: LogEvent[];
  messages: Message[];
  groups: MessageGroup[];
}

interface Connection {
  device: string;
  token: string;
  socket: WebSocket;
}

/** A uuid that ends with a number. */
export function uuid(number: number): string {
  return `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
}

export const ME: User = { uuid: uuid(1), handle: 'sunyoung', display_name: 'Sunyoung Lee' };
export const OTHER: User = { uuid: uuid(2), handle: 'scarlett', display_name: 'Scarlett Ho' };

/** The number of the first event, like the milliseconds of the real API. */
const FIRST = 1_764_000_000_001;

/**
 * The API and the socket for one user, as in `openapi.yaml` and section 3 of the design: real servers on this machine, with
 * faults on request.
 */
export class LiveServer {
  /** Requests by method and path without query. */
  readonly requests: string[] = [];
  /** The `after` of the requests for events. */
  readonly cursors: (string | null)[] = [];
  /** All handshakes, by their subprotocols. */
  readonly handshakes: string[][] = [];
  /** The messages of the clients. */
  readonly pings: string[] = [];
  connections: Connection[] = [];
  /** Whether the log was read after the last connection was opened. */
  isRead = true;
  /** Whether there are the socket and the log: earlier versions have none. */
  hasSocket = true;
  hasLog = true;
  /** Whether frames are sent, and pings answered. */
  pushes = true;
  answersPings = true;
  /** Whether frames embed rows. */
  embeds = true;
  /** The status of responses to requests for events, if not null. */
  failure: number | null = null;
  /** Milliseconds from a request until its response. */
  responseDelay = 0;
  /** Handles a frame in place of sending it. */
  onFrame: ((send: () => void, number: number) => void) | null = null;
  readonly groups = new Map<string, { other: User; messages: Message[] }>();
  readonly log: LogRow[] = [];
  /** Rows before this index have expired. */
  expired = 0;
  #server: Server;
  #sockets: WebSocketServer;
  #count = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#respond(request, response));
    this.#sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'cruddur.v1' });
    this.#server.on('upgrade', (request, socket, head) => {
      const protocols = (request.headers['sec-websocket-protocol'] ?? '').split(/,\s*/u);
      this.handshakes.push(protocols);
      if (!this.hasSocket) {
        // The client may reset the connection first.
        socket.on('error', () => undefined);
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n');
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#connected(opened, protocols));
    });
  }

  static async start(): Promise<LiveServer> {
    const server = new LiveServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  async stop(): Promise<void> {
    this.hasSocket = false;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    this.#server.closeAllConnections();
    await closed;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get websocketUrl(): string {
    return `${this.url.replace('http', 'ws')}/ws`;
  }

  /** The number of requests for a path. */
  count(path: string): number {
    return this.requests.filter((request) => request === path).length;
  }

  /** Cuts all connections without a closing handshake. */
  cut(): void {
    for (const { socket } of this.connections) {
      socket.terminate();
    }
  }

  /** Stores and logs a message of the other user. */
  receive(group: string, text: string): void {
    this.#log(group, this.#store(group, OTHER, text));
  }

  /** Logs a row, and sends it. */
  append(row: Omit<LogRow, 'events'> & { events: Pick<LogEvent, 'type' | 'message_group_uuid' | 'message_uuids'>[] }): void {
    const number = FIRST + this.log.length;
    const at = instant();
    const events = row.events.map((event): LogEvent => ({ number, cursor: cursorOf(number), at, ...event }));
    this.log.push({ ...row, events });
    const { messages, groups } = row;
    const frame = JSON.stringify({
      type: 'events',
      number,
      cursor: cursorOf(number),
      events,
      ...(this.embeds ? { messages, message_groups: groups } : { messages: [], message_groups: [] }),
    });
    const receivers = new Map(this.connections.map((connection) => [connection.device, connection]));
    for (const { socket } of this.pushes ? receivers.values() : []) {
      const send = () => socket.send(frame);
      if (this.onFrame === null) {
        send();
      } else {
        this.onFrame(send, number);
      }
    }
  }

  #store(group: string, from: User, text: string): Message {
    const { other, messages } = this.groups.get(group) ?? { other: OTHER, messages: [] };
    const message: Message = {
      uuid: uuid(1000 + this.#count),
      user_uuid: from.uuid,
      handle: from.handle,
      display_name: from.display_name,
      message: text,
      created_at: instant(this.#count),
    };
    this.#count += 1;
    messages.push(message);
    this.groups.set(group, { other, messages });
    return message;
  }

  #log(group: string, message: Message): void {
    this.append({
      events: [{ type: 'message', message_group_uuid: group, message_uuids: [message.uuid] }],
      messages: [message],
      groups: [this.#listed(group)],
    });
  }

  #listed(group: string): MessageGroup {
    const { other, messages } = this.groups.get(group) ?? { other: OTHER, messages: [] };
    const { uuid: user, handle, display_name } = other;
    const { message = '', created_at = '' } = messages.at(-1) ?? {};
    return { uuid: group, user_uuid: user, handle, display_name, message, created_at };
  }

  #connected(socket: WebSocket, protocols: string[]): void {
    const connection = { device: protocols[1] ?? '', token: protocols[2] ?? '', socket };
    this.connections.push(connection);
    this.isRead = false;
    socket.on('message', (data) => {
      const text = (data as Buffer).toString();
      this.pings.push(text);
      if (this.answersPings) {
        socket.send('{"type":"pong"}');
      }
    });
    socket.on('close', () => {
      this.connections = this.connections.filter((known) => known !== connection);
    });
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    this.requests.push(`${request.method} ${pathname}`);
    const body = await textOf(request);
    const { status, json, link } = this.#answer(request.method ?? '', pathname, searchParams, body);
    await new Promise((resolve) => setTimeout(resolve, this.responseDelay));
    response.writeHead(status, { 'content-type': 'application/json', ...(link !== undefined && { link }) });
    response.end(JSON.stringify(json));
  }

  #answer(method: string, path: string, query: URLSearchParams, body: string): Answer {
    const group = /^\/api\/messages\/([0-9a-f-]+)$/u.exec(path)?.[1];
    if (path === '/api/events' && this.hasLog) {
      return this.#events(query.get('after'));
    }
    if (path === '/api/me') {
      return { status: 200, json: ME };
    }
    if (path === '/api/message_groups') {
      const rows = [...this.groups.keys()].map((known) => this.#listed(known));
      return { status: 200, json: rows.toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1)) };
    }
    if (method === 'POST' && path === '/api/messages') {
      const { message, message_group_uuid: to } = JSON.parse(body) as { message: string; message_group_uuid: string };
      const stored = this.#store(to, ME, message);
      const sent: SentMessage = { message_group_uuid: to, ...stored };
      setTimeout(() => this.#log(to, stored), 30);
      return { status: 200, json: sent };
    }
    const thread = group === undefined ? undefined : this.groups.get(group);
    return thread === undefined
      ? { status: 404, json: { message: 'Not Found' } }
      : page(thread.messages, Number(query.get('limit')), query.get('cursor'), path);
  }

  #events(after: string | null): Answer {
    this.cursors.push(after);
    this.isRead = true;
    if (this.failure !== null) {
      return { status: this.failure, json: ['unavailable'] };
    }
    const end = FIRST + this.log.length - 1;
    const number = after === null ? end : numberOf(after);
    if (number < FIRST + this.expired - 1) {
      return { status: 410, json: ['cursor_expired'] };
    }
    const rows = this.log.slice(number - FIRST + 1).slice(0, 100);
    const link = `</api/events?after=${cursorOf(number + rows.length)}&limit=100>; rel="next"`;
    return { status: 200, json: rows.flatMap(({ events }) => events), link };
  }
}

interface Answer {
  status: number;
  json: unknown;
  link?: string;
}

/** A page of a thread, oldest to newest. The cursor is the index of its end. */
function page(rows: readonly Message[], limit: number, cursor: string | null, path: string): Answer {
  const end = cursor === null ? rows.length : Number(cursor);
  const start = Math.max(0, end - limit);
  const answer = { status: 200, json: rows.slice(start, end) };
  return start === 0 ? answer : { ...answer, link: `<${path}?limit=${limit}&cursor=${start}>; rel="next"` };
}

/** Unpadded base64url of `{number}-{at}`, as in the API. */
export function cursorOf(number: number): string {
  return Buffer.from(`${number}-1764322200000`).toString('base64url');
}

function numberOf(cursor: string): number {
  return Number.parseInt(Buffer.from(cursor, 'base64url').toString(), 10);
}

/** A time of today. A later `index` is a later time. */
function instant(index = 0): string {
  return `${new Date(Date.now()).toISOString().slice(0, 19)}.${String(index).padStart(6, '0')}Z`;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const part of request) {
    body += String(part);
  }
  return body;
}
