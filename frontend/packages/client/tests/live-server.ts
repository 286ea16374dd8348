import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import type { LogEvent, Me, Member, Message, MessageGroup, MessageReference, SentMessage, User } from '../src/index.ts';

/** A row of the log, with what a frame embeds. */
interface LogRow {
  events: LogEvent[];
  messages: Message[];
  groups: MessageGroup[];
}

/** What is stored of a group. */
interface Group {
  other: User;
  messages: Message[];
  /** The number of messages that are read: all up to the user's marker. */
  read: number;
  /** The same, as the lists show it: they change with the event. */
  shown: number;
  /** The number of messages up to which own ones do not count as reading. */
  floor: number;
  /** What the other user has read. */
  reading: Pick<Member, 'last_read_at' | 'last_read_message_uuid'>;
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

export const ME: Me = { uuid: uuid(1), handle: 'sunyoung', display_name: 'Sunyoung Lee', read_receipts: true };
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
  /** The answer in place of the usual one, if not null. */
  refuse: (request: string) => Answer | null = () => null;
  /** Milliseconds from a change until its event. */
  eventDelay = 30;
  /** Handles a frame in place of sending it. */
  onFrame: ((send: () => void, number: number) => void) | null = null;
  readonly groups = new Map<string, Group>();
  me = ME;
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

  /** Changes a message, as its sender or a member who reacts. */
  change(group: string, id: string, change: (message: Message) => Message): void {
    const { messages } = this.#group(group);
    const index = messages.findIndex((message) => message.uuid === id);
    const before = messages[index];
    if (before === undefined || before.deleted_at !== undefined) {
      return;
    }
    const changed = { ...change(before), version: (before.version ?? 1) + 1 };
    messages[index] = changed;
    setTimeout(() => {
      this.append({
        events: [{ type: 'message_changed', message_group_uuid: group, message_uuids: [id] }],
        messages: [embedded(changed)],
        groups: messages.at(-1)?.uuid === id ? [this.#row(group)] : [],
      });
    }, this.eventDelay);
  }

  /** Marks the messages of a group as read by the other user, up to a message. */
  readByOther(group: string, message: MessageReference): void {
    const reading = { last_read_message_uuid: message.uuid, last_read_at: instant(this.#next()) };
    this.#group(group).reading = reading;
    const read = { type: 'read', message_group_uuid: group, user_uuid: OTHER.uuid, ...reading };
    this.append({ events: [read], messages: [], groups: [] });
  }

  /** The user's unread messages in a group, by the stored marker. */
  unread(group: string): number {
    const stored = this.#group(group);
    return unreadAfter(stored, markerOf(stored));
  }

  /** Stores the user's marker, and logs it unless it is the same. */
  mark(group: string, read: number, floor: number): void {
    const stored = this.#group(group);
    if (stored.read === read && stored.floor === floor) {
      return;
    }
    stored.read = read;
    stored.floor = floor;
    const message = stored.messages[read - 1]?.uuid;
    const at = instant(this.#next());
    setTimeout(() => {
      stored.shown = read;
      this.append({
        events: [
          {
            type: 'read',
            message_group_uuid: group,
            user_uuid: ME.uuid,
            last_read_at: at,
            ...(message !== undefined && { last_read_message_uuid: message }),
          },
        ],
        messages: [],
        groups: [],
      });
    }, this.eventDelay);
  }

  /** Logs a row, and sends it. */
  append(row: Omit<LogRow, 'events'> & { events: Omit<LogEvent, 'number' | 'cursor' | 'at'>[] }): void {
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

  #group(group: string): Group {
    const known = this.groups.get(group);
    const stored = known ?? { other: OTHER, messages: [], read: 0, shown: 0, floor: 0, reading: {} };
    this.groups.set(group, stored);
    return stored;
  }

  #next(): number {
    this.#count += 1;
    return this.#count;
  }

  #store(group: string, from: User, text: string, replyTo?: MessageReference): Message {
    const { messages } = this.#group(group);
    const message: Message = {
      uuid: uuid(1000 + this.#count),
      user_uuid: from.uuid,
      handle: from.handle,
      display_name: from.display_name,
      message: text,
      created_at: instant(this.#next()),
      ...(replyTo && { reply_to: replyTo }),
    };
    messages.push(message);
    return message;
  }

  #log(group: string, message: Message): void {
    this.append({
      events: [{ type: 'message', message_group_uuid: group, message_uuids: [message.uuid] }],
      messages: [embedded(message)],
      groups: [this.#row(group)],
    });
  }

  /** The row of a group in a frame. */
  #row(group: string): MessageGroup {
    const { other, messages } = this.#group(group);
    const { uuid: user, handle, display_name } = other;
    const { message = '', created_at = '', user_uuid: sender, version, edited_at, deleted_at } = messages.at(-1) ?? {};
    return {
      uuid: group,
      user_uuid: user,
      handle,
      display_name,
      message,
      created_at,
      from_me: sender === ME.uuid,
      ...(version && { version }),
      ...(edited_at && { edited_at }),
      ...(deleted_at && { deleted_at }),
    };
  }

  #listed(group: string): MessageGroup {
    const stored = this.#group(group);
    return { ...this.#row(group), unread_count: unreadAfter(stored, markerOf({ ...stored, read: stored.shown })) };
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
    const refused = this.refuse(`${request.method} ${pathname}`);
    const { status, json, link } = refused ?? this.#answer(request.method ?? '', pathname, searchParams, body);
    await new Promise((resolve) => setTimeout(resolve, this.responseDelay));
    response.writeHead(status, { 'content-type': 'application/json', ...(link !== undefined && { link }) });
    response.end(status === 204 ? undefined : JSON.stringify(json));
  }

  #answer(method: string, path: string, query: URLSearchParams, body: string): Answer {
    const group = /^\/api\/messages\/([0-9a-f-]+)$/u.exec(path)?.[1];
    if (path === '/api/events' && this.hasLog) {
      return this.#events(query.get('after'));
    }
    if (path === '/api/me') {
      this.me = { ...this.me, ...(method === 'PATCH' && (JSON.parse(body) as Partial<Me>)) };
      return { status: 200, json: this.me };
    }
    if (path === '/api/unread') {
      const conversations = [...this.groups.keys()].filter((known) => this.unread(known) > 0).length;
      return { status: 200, json: { conversations, more: false } };
    }
    if (path === '/api/message_groups') {
      const rows = [...this.groups.keys()].map((known) => this.#listed(known)).toSorted((a, b) => (a.created_at < b.created_at ? -1 : 1));
      const { json, ...answer } = page(rows, Number(query.get('limit')), query.get('cursor'), path);
      return { ...answer, json: json.toReversed() };
    }
    if (method === 'POST' && path === '/api/messages') {
      const { message, message_group_uuid: to, reply_to: reply } = JSON.parse(body) as SentMessage;
      const stored = this.#store(to, ME, message, reply);
      const sent: SentMessage = { message_group_uuid: to, ...stored };
      setTimeout(() => this.#log(to, stored), this.eventDelay);
      return { status: 200, json: sent };
    }
    const thread = group === undefined ? undefined : this.groups.get(group);
    return thread === undefined
      ? (this.#changed(method, path, query, body) ?? { status: 404, json: { message: 'Not Found' } })
      : page(thread.messages.map((message) => quoting(message, thread)), Number(query.get('limit')), query.get('cursor'), path);
  }

  /** The routes of a group and of its messages. */
  #changed(method: string, path: string, query: URLSearchParams, body: string): Answer | null {
    const [, shown, mark] = /^\/api\/message_groups\/([0-9a-f-]+)(\/read)?$/u.exec(path) ?? [];
    const [, group = '', message = '', emoji] = /^\/api\/messages\/([^/]+)\/([^/]+)(?:\/reactions\/(.+))?$/u.exec(path) ?? [];
    if (shown !== undefined) {
      return mark === undefined ? this.#shown(shown) : this.#marked(method, shown, query, body);
    }
    const stored = this.groups.get(group)?.messages.find((known) => known.uuid === message);
    if (stored === undefined) {
      return null;
    }
    if (emoji !== undefined) {
      const { reactions: before = [] } = stored;
      const others = before.filter((known) => known.emoji !== decodeURIComponent(emoji));
      const own = method === 'PUT' ? [{ emoji: decodeURIComponent(emoji), user_uuids: [ME.uuid] }] : [];
      this.change(group, message, (known) => ({ ...known, reactions: [...others, ...own] }));
    } else if (method === 'DELETE') {
      this.change(group, message, deleted);
    } else {
      const { message: text } = JSON.parse(body) as { message: string };
      this.change(group, message, (known) => ({ ...known, message: text, edited_at: instant() }));
      return { status: 200, json: this.groups.get(group)?.messages.find((known) => known.uuid === message) };
    }
    return { status: 204, json: null };
  }

  #shown(group: string): Answer {
    const { other, reading } = this.#group(group);
    const readings = this.me.read_receipts === true ? reading : {};
    const { uuid: user, handle, display_name } = ME;
    const members = [
      { uuid: user, handle, display_name },
      { ...other, ...readings },
    ];
    return { status: 200, json: { ...this.#listed(group), members } };
  }

  #marked(method: string, group: string, query: URLSearchParams, body: string): Answer {
    const stored = this.#group(group);
    const { messages, read, floor } = stored;
    const place = (id: string | null | undefined) => messages.findIndex((message) => message.uuid === id);
    if (method === 'DELETE') {
      this.mark(group, place(query.get('message_uuid')), Math.max(messages.length, read, floor));
    } else {
      const { message_uuid: to } = JSON.parse(body) as { message_uuid?: string };
      this.mark(group, Math.max(read, to === undefined ? messages.length : place(to) + 1), floor);
    }
    return { status: 204, json: null };
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

export interface Answer {
  status: number;
  json: unknown;
  link?: string;
}

/** A message after its deletion. */
export function deleted({ uuid: id, user_uuid, handle, display_name, created_at }: Message): Message {
  return { uuid: id, user_uuid, handle, display_name, message: '', created_at, deleted_at: instant() };
}

/** The number of messages up to the user's marker: an own message after the floor is read, too. */
function markerOf({ messages, read, floor }: Group): number {
  const own = messages.findLastIndex(({ user_uuid: user }) => user === ME.uuid) + 1;
  return Math.max(read, own > floor ? own : 0);
}

function unreadAfter({ messages }: Group, marker: number): number {
  return messages.slice(marker).filter((message) => message.user_uuid !== ME.uuid && message.deleted_at === undefined).length;
}

/** A message in a frame: of the message to which it replies it has only the reference. */
function embedded(message: Message): Message {
  const { reply_to: to } = message;
  return to === undefined ? message : { ...message, reply_to: { uuid: to.uuid, created_at: to.created_at } };
}

/** A listed message: it quotes the message to which it replies. */
function quoting(message: Message, { messages }: Group): Message {
  const { reply_to: to } = message;
  const quoted = messages.find(({ uuid: id }) => id === to?.uuid);
  if (to === undefined || quoted === undefined) {
    return message;
  }
  return { ...message, reply_to: { ...to, user_uuid: quoted.user_uuid, ...(quoted.message !== '' && { message: quoted.message }) } };
}

/** A page of rows, oldest to newest. The cursor is the index of its end. */
function page<Row>(rows: readonly Row[], limit: number, cursor: string | null, path: string): Answer & { json: Row[] } {
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
