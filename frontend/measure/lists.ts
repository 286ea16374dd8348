import type { Page, Route, WebSocketRoute } from '@playwright/test';

const MINUTE = 60_000;
const NEWEST = Date.parse('2025-12-31T12:00:00Z');
/** Milliseconds after which a held event is sent: the client requests it then. */
const HELD = 25_000;
const WORDS = 'and we could take the early train so that there is time for a walk along the lake before dinner'.split(' ');

interface User {
  uuid: string;
  handle: string;
  display_name: string;
}

interface ListRow {
  uuid: string;
  user_uuid: string;
  display_name: string;
  handle: string;
  message: string;
  created_at: string;
  unread_count?: number;
  from_me?: boolean;
}

export interface Size {
  messages: number;
  conversations: number;
  /** Whether requests for older messages wait until `openUntil`. */
  gated?: boolean;
}

/**
 * Answers a page's requests for the inbox, for the conversation at its top, for events and for sends, with generated rows: the
 * embedded engines would take minutes to store them. Sends the frames of its socket. Rows, cursors and `Link` headers are
 * those of `openapi.yaml`. All other requests go to the stack.
 */
export class Lists {
  /** The group of the conversation. */
  readonly group = uuid(1, 0);
  /** Overrides the page size that the client asks for, to fill a list in few steps. */
  rowsPerPage: number | null = null;
  /** The number of answered requests for events. */
  readings = 0;
  /** The number of sent frames, which is that of the events. */
  frames = 0;
  /** The number of answered requests for older pages of the conversation. */
  olderPages = 0;
  readonly #me: User;
  readonly #messages: ListRow[];
  readonly #groups: ListRow[];
  /** The number of loaded rows, contiguous from the newest. */
  readonly #loaded = { messages: 0, groups: 0 };
  /** The number of loaded messages from which requests for older ones wait. */
  #gate: number;
  #opening = deferred();
  #arrival = deferred();
  #held: Promise<void> = Promise.resolve();
  #socket: WebSocketRoute | null = null;

  private constructor(me: User, { messages, conversations, gated = false }: Size) {
    this.#me = me;
    this.#gate = gated ? 0 : Number.POSITIVE_INFINITY;
    const people = Array.from({ length: conversations }, (_, index) => person(index));
    this.#groups = people.map((user, index) =>
      Object.assign(listRow(uuid(1, index), user, text(index), NEWEST - index * 11 * MINUTE), { from_me: false, unread_count: 0 }),
    );
    this.#messages = Array.from({ length: messages }, (_, index) => {
      // Runs of one to three messages.
      const sender = index % 5 < 3 ? person(0) : me;
      return listRow(uuid(2, index), sender, text(index), NEWEST - (messages - index) * 7 * MINUTE);
    });
  }

  static async serve(page: Page, me: User, size: Size): Promise<Lists> {
    const lists = new Lists(me, size);
    await page.route(/\/api\/message_groups(\?|$)/, (route) => lists.#listGroups(route));
    await page.route(new RegExp(`/api/message_groups/${lists.group}$`), (route) => lists.#showGroup(route));
    await page.route(/\/api\/message_groups\/[^/]+\/read$/, (route) => route.fulfill({ status: 204 }));
    await page.route(/\/api\/unread$/, (route) => answer(route, { conversations: 0, more: false }, null));
    await page.route(new RegExp(`/api/messages/${lists.group}(\\?|$)`), (route) => lists.#listMessages(route));
    await page.route(/\/api\/messages$/, (route) => lists.#send(route));
    await page.route(/\/api\/events(\?|$)/, (route) => lists.#listEvents(route));
    await page.routeWebSocket(/\/ws$/, (socket) => {
      lists.#socket = socket;
      socket.onMessage(() => socket.send('{"type":"pong"}'));
    });
    return lists;
  }

  get loadedMessages(): number {
    return this.#loaded.messages;
  }

  get loadedConversations(): number {
    return this.#loaded.groups;
  }

  get newestText(): string {
    return this.#messages.at(-1)?.message ?? '';
  }

  /** Lets the client load older pages until it has `messages`. Resolves when it asks for one more page. */
  async openUntil(messages: number): Promise<void> {
    const { resolve: open } = this.#opening;
    this.#gate = messages;
    this.#arrival = deferred();
    this.#opening = deferred();
    open();
    await this.#arrival.promise;
  }

  /** Delays frames during an action. */
  async withoutFrames<Result>(action: () => Promise<Result>): Promise<Result> {
    const { promise, resolve: resume } = deferred();
    this.#held = promise;
    try {
      return await action();
    } finally {
      resume();
    }
  }

  async #hold(): Promise<void> {
    await Promise.race([this.#held, new Promise((resolve) => setTimeout(resolve, HELD))]);
  }

  async #listGroups(route: Route): Promise<void> {
    const { cursor, limit, path } = this.#query(route);
    const from = cursor ?? 0;
    const rows = this.#groups.slice(from, from + limit);
    const end = from + rows.length;
    this.#loaded.groups = Math.max(this.#loaded.groups, end);
    await answer(route, rows, end < this.#groups.length ? link(path, limit, end) : null);
  }

  async #showGroup(route: Route): Promise<void> {
    const members = [person(0), this.#me].map(({ uuid: id, handle, display_name }) => ({ uuid: id, handle, display_name }));
    await answer(route, { ...this.#groups[0], members }, null);
  }

  async #listMessages(route: Route): Promise<void> {
    const { cursor, limit, path } = this.#query(route);
    if (cursor !== null) {
      if (this.#loaded.messages >= this.#gate) {
        this.#arrival.resolve();
        await this.#opening.promise;
      }
      this.olderPages += 1;
    }
    const end = cursor ?? this.#messages.length;
    const from = Math.max(0, end - limit);
    this.#loaded.messages = Math.max(this.#loaded.messages, this.#messages.length - from);
    await answer(route, this.#messages.slice(from, end), from > 0 ? link(path, limit, from) : null);
  }

  async #send(route: Route): Promise<void> {
    const { message } = route.request().postDataJSON() as { message: string };
    const sent = listRow(uuid(2, this.#messages.length), this.#me, message, Date.now());
    this.#messages.push(sent);
    this.#loaded.messages += 1;
    const [group] = this.#groups;
    if (group !== undefined) {
      this.#groups[0] = { ...group, message, created_at: sent.created_at };
    }
    await answer(route, { message_group_uuid: this.group, ...sent }, null);
    await this.#hold();
    this.#push(sent);
  }

  /** Stores a message of the other person, and sends its frame. */
  receive(content: string): void {
    const message = listRow(uuid(2, this.#messages.length), person(0), content, Date.now());
    this.#messages.push(message);
    this.#loaded.messages += 1;
    const [group] = this.#groups;
    if (group !== undefined) {
      this.#groups[0] = { ...group, message: content, created_at: message.created_at };
    }
    this.#push(message);
  }

  #push(message: ListRow): void {
    this.frames += 1;
    const { frames: number, group } = this;
    const cursor = logCursor(number);
    const at = message.created_at;
    const event = { number, cursor, type: 'message', message_group_uuid: group, message_uuids: [message.uuid], at };
    const frame = { type: 'events', number, cursor, events: [event], messages: [message], message_groups: this.#groups.slice(0, 1) };
    this.#socket?.send(JSON.stringify(frame));
  }

  /** The log has no events: frames bring them all. */
  async #listEvents(route: Route): Promise<void> {
    this.readings += 1;
    await answer(route, [], `</api/events?after=${logCursor(this.frames)}&limit=100>; rel="next"`);
  }

  #query(route: Route): { cursor: number | null; limit: number; path: string } {
    const { pathname: path, searchParams } = new URL(route.request().url());
    const cursor = searchParams.get('cursor');
    const limit = Number(searchParams.get('limit') ?? 20);
    return {
      cursor: cursor === null ? null : Number(atob(cursor)),
      // The newest page stays small.
      limit: cursor === null ? limit : (this.rowsPerPage ?? limit),
      path,
    };
  }
}

async function answer(route: Route, json: object, next: string | null): Promise<void> {
  const headers = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' };
  try {
    await route.fulfill({ json, headers: next === null ? headers : { ...headers, link: next } });
  } catch (error) {
    // The page was closed while the answer was delayed.
    if (!route.request().frame().page().isClosed()) {
      throw error;
    }
  }
}

function logCursor(number: number): string {
  return btoa(`${number}-${NEWEST}`).replaceAll('=', '');
}

function link(path: string, limit: number, cursor: number): string {
  return `<${path}?limit=${Math.min(limit, 100)}&cursor=${btoa(String(cursor)).replaceAll('=', '')}>; rel="next"`;
}

function listRow(id: string, user: User, message: string, at: number): ListRow {
  const { uuid: sender, handle, display_name } = user;
  const created = `${new Date(at).toISOString().slice(0, -1)}000Z`;
  return { uuid: id, user_uuid: sender, display_name, handle, message, created_at: created };
}

function person(index: number): User {
  return { uuid: uuid(3, index), handle: `person-${index}`, display_name: `Person ${index}` };
}

/** One to four lines. */
function text(index: number): string {
  const words = Array.from({ length: 3 + ((index * 7) % 37) }, (_, word) => WORDS[(index + word) % WORDS.length]);
  return `Number ${index}: ${words.join(' ')}`;
}

function uuid(kind: number, index: number): string {
  return `0195b5a0-000${kind}-7000-9000-${index.toString(16).padStart(12, '0')}`;
}

interface Deferred {
  promise: Promise<void>;
  resolve: () => void;
}

function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
