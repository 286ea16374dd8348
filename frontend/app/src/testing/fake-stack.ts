import { delay, http, HttpResponse } from 'msw';
import { setupServer } from 'msw/node';
import type { LogEvent, Message, MessageGroup, SentMessage, User } from '@cruddur/client';
import { sameHandle } from '@cruddur/client';

export const server = setupServer();

const ORIGIN = 'http://localhost:3000';

/** A uuid that ends with a number. */
export function uuid(number: number): string {
  return `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
}

/** A `created_at`. */
export function instant(at: number | string): string {
  return new Date(at).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

/** A cursor of the log. */
function cursorOf(number: number): string {
  return btoa(String(number)).replaceAll('=', '');
}

interface Post {
  key: string | null;
  body: { message: string; message_group_uuid?: string; user_uuid?: string; handle?: string };
}

/** The response to a send: success, a lost response after storing, or an error. */
type SendResponse = 'stored' | 'lost' | { status: number; body?: unknown; retryAfter?: number };

/**
 * An in-memory API for one signed-in user, with the wire format and idempotency keys of the real one. Creating it installs
 * its request handlers.
 */
export class FakeStack {
  readonly users: User[] = ['Sunyoung Lee', 'Scarlett Ho', 'Lore Winters'].map((name, index) => ({
    uuid: uuid(100 + index),
    handle: (name.split(' ')[0] ?? '').toLowerCase(),
    display_name: name,
  }));
  /** The signed-in user. */
  me = this.#user('sunyoung');
  groups: MessageGroup[] = [];
  readonly threads = new Map<string, Message[]>();
  /** The log of the signed-in user; null for a server of an earlier version, without a log. */
  events: LogEvent[] | null = [];
  readonly posts: Post[] = [];
  /** The `Authorization` of the requests for the inbox. */
  readonly tokens: (string | null)[] = [];
  /** The same for events. */
  readonly eventTokens: (string | null)[] = [];
  /** The responses to the next sends. */
  sendResponses: SendResponse[] = [];
  /** The response to all requests except the public one, if not null. */
  failure: { status: number; body?: unknown } | null = null;
  /** Whether `GET /api/me` fails. */
  meFails = false;
  /** Milliseconds that a send takes. */
  delayMillis = 0;
  readonly #stored = new Map<string, SentMessage>();
  #number = 1000;

  constructor() {
    server.use(
      http.get(`${ORIGIN}/api/message_groups`, ({ request }) => {
        this.tokens.push(request.headers.get('Authorization'));
        return this.#failed() ?? this.#page(this.groups, request, 'newest first');
      }),
      http.get(`${ORIGIN}/api/events`, ({ request }) => {
        this.eventTokens.push(request.headers.get('Authorization'));
        return this.#failed() ?? this.#log(request);
      }),
      http.get(`${ORIGIN}/api/me`, () =>
        this.meFails
          ? HttpResponse.json(['unavailable'], { status: 503 })
          : (this.#failed() ?? HttpResponse.json(this.me)),
      ),
      http.get(`${ORIGIN}/api/messages/:group`, ({ request, params }) => {
        const thread = this.threads.get(String(params['group']));
        const missing = HttpResponse.json(['message_group_not_found'], { status: 404 });
        return this.#failed() ?? (thread ? this.#page(thread, request, 'oldest first') : missing);
      }),
      http.get(`${ORIGIN}/api/users/:handle/short`, ({ params }) => {
        const handle = String(params['handle']).replace(/^@/, '');
        const user = this.users.find((known) => sameHandle(known.handle, handle));
        return user ? HttpResponse.json(user) : HttpResponse.json(['user_not_found'], { status: 404 });
      }),
      http.post(`${ORIGIN}/api/messages`, async ({ request }) => {
        const body = (await request.json()) as Post['body'];
        const key = request.headers.get('Idempotency-Key');
        this.posts.push({ key, body });
        await delay(this.delayMillis);
        return this.#failed() ?? this.#send(body, key);
      }),
    );
  }

  /** Adds a group with a user and returns its uuid. */
  addConversation(handle: string, ...texts: [from: string, text: string, at: number | string][]): string {
    const group = uuid((this.#number += 1));
    const thread = texts.map(([from, text, at]) => this.message(from, text, at));
    this.threads.set(group, thread);
    this.#list(group, handle, thread.at(-1));
    return group;
  }

  /** Creates a message without storing it. */
  message(from: string, text: string, at: number | string): Message {
    const user = this.#user(from);
    return {
      uuid: uuid((this.#number += 1)),
      user_uuid: user.uuid,
      handle: user.handle,
      display_name: user.display_name,
      message: text,
      created_at: instant(at),
    };
  }

  /** Stores a message of another user. */
  receive(group: string, from: string, text: string): void {
    const message = this.message(from, text, Date.now());
    this.threads.get(group)?.push(message);
    this.#list(group, from, message);
    this.append(group, message);
  }

  /** Logs a message. */
  append(group: string, { uuid: message }: Message): void {
    const number = 1 + (this.events?.length ?? 0);
    this.events?.push({
      number,
      cursor: cursorOf(number),
      type: 'message',
      message_group_uuid: group,
      message_uuids: [message],
      at: instant(Date.now()),
    });
  }

  #send(body: Post['body'], key: string | null) {
    const response = this.sendResponses.shift() ?? 'stored';
    if (typeof response === 'object') {
      const headers = response.retryAfter === undefined ? {} : { 'Retry-After': String(response.retryAfter) };
      return HttpResponse.json(response.body ?? {}, { status: response.status, headers });
    }
    const sent = this.#stored.get(key ?? '') ?? this.#store(body);
    if (key !== null) {
      this.#stored.set(key, sent);
    }
    return response === 'lost' ? HttpResponse.error() : HttpResponse.json(sent);
  }

  #store(body: Post['body']): SentMessage {
    const to =
      body.user_uuid ??
      this.groups.find((known) => known.uuid === body.message_group_uuid)?.user_uuid ??
      this.#user(body.handle ?? '').uuid;
    const { handle } = this.users.find((user) => user.uuid === to) ?? this.me;
    const group = body.message_group_uuid ?? this.groups.find((known) => known.user_uuid === to)?.uuid;
    const message = this.message(this.me.handle, body.message, Date.now());
    const opened = group ?? uuid((this.#number += 1));
    this.threads.set(opened, [...(this.threads.get(opened) ?? []), message]);
    this.#list(opened, handle, message);
    this.append(opened, message);
    return { message_group_uuid: opened, ...message };
  }

  #log(request: Request) {
    if (this.events === null) {
      return HttpResponse.json({ message: 'Not Found' }, { status: 404 });
    }
    const after = new URL(request.url).searchParams.get('after');
    const known = after === null ? this.events.length : Number(atob(after));
    const cursor = cursorOf(this.events.length);
    return HttpResponse.json(this.events.slice(known), {
      headers: { Link: `</api/events?after=${cursor}&limit=100>; rel="next"` },
    });
  }

  #list(group: string, handle: string, newest: Message | undefined): void {
    const { uuid: user, display_name } = this.#user(handle);
    this.groups = [
      {
        uuid: group,
        user_uuid: user,
        handle,
        display_name,
        message: newest?.message ?? '',
        created_at: newest?.created_at ?? instant(Date.now()),
      },
      ...this.groups.filter(({ uuid: other }) => other !== group),
    ].toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  #user(handle: string): User {
    const user = this.users.find((known) => sameHandle(known.handle, handle));
    if (user === undefined) {
      throw new Error(`no user ${handle}`);
    }
    return user;
  }

  #failed() {
    return this.failure && HttpResponse.json(this.failure.body ?? {}, { status: this.failure.status });
  }

  #page<Row extends { uuid: string }>(rows: Row[], request: Request, order: 'newest first' | 'oldest first') {
    const url = new URL(request.url);
    const limit = Number(url.searchParams.get('limit') ?? 20);
    const before = url.searchParams.get('cursor');
    const newestFirst = order === 'newest first' ? rows : rows.toReversed();
    const start = before === null ? 0 : newestFirst.findIndex((row) => row.uuid === before) + 1;
    const page = newestFirst.slice(start, start + limit);
    const more = start + limit < rows.length;
    const link = `<${url.pathname}?limit=${limit}&cursor=${page.at(-1)?.uuid ?? ''}>; rel="next"`;
    return HttpResponse.json(order === 'newest first' ? page : page.toReversed(), {
      headers: more ? { Link: link } : {},
    });
  }
}
