import { delay, http, HttpResponse, type PathParams } from 'msw';
import { setupServer } from 'msw/node';
import type {
  Device,
  LogEvent,
  Me,
  Member,
  Message,
  MessageGroup,
  MessageGroupSettings,
  NewMessage,
  NewReport,
  SentMessage,
  User,
} from '@cruddur/client';
import { sameHandle, uuidOfPair } from '@cruddur/client';

export const server = setupServer();

const ORIGIN = 'http://localhost:3000';

/** A uuid that ends with a number. */
export function uuid(number: number): string {
  return `00000000-0000-7000-8000-${String(number).padStart(12, '0')}`;
}

/** The numbers of the users in the tests. */
const USERS = [100, 101, 102, 200, 300].map(uuid);

/** The groups' uuids by those of their members. */
const GROUPS = new Map(
  await Promise.all(
    USERS.flatMap((me) => USERS.map(async (other) => [`${me} ${other}`, await uuidOfPair(me, other)] as const)),
  ),
);

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
  body: Pick<NewMessage, 'message' | 'message_group_uuid' | 'user_uuid' | 'handle' | 'reply_to'>;
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
  me: Me = { ...this.#user('sunyoung'), read_receipts: true, messages_from: 'everyone' };
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
  /** The requests that change what is stored, by method and path, and their bodies. */
  readonly changes: { request: string; body: unknown }[] = [];
  /** The response to the next changes, if not null. */
  changeFailure: { status: number; body: string[] } | null = null;
  /** The uuid of the last message that the other member has read, by group. */
  readonly seen = new Map<string, string>();
  /** The times of the signed-in user's blocks, by the uuid of the blocked user. */
  readonly blocks = new Map<string, string>();
  /** The settings of groups. A group is hidden since its newest message at that time. */
  readonly settings = new Map<string, { muted?: string; hidden?: string; cleared?: string }>();
  /** The groups that strangers have opened, with the answers to them. */
  readonly requests = new Map<string, 'pending' | 'declined'>();
  /** The number of times that requests were listed. */
  requestListings = 0;
  /** The devices with an open socket. */
  devices: Device[] = [];
  /** The reports. */
  readonly reports: NewReport[] = [];
  /** Whether lists still have the groups of blocked users, as for a moment after a block. */
  listsAreLate = false;
  /** The uuids of the users who accept no messages of the signed-in user. */
  readonly refusing = new Set<string>();
  /** The groups that were requested with their members. */
  readonly shown: string[] = [];
  /** The prefixes that were searched for. */
  readonly searches: string[] = [];
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
        return this.#failed() ?? this.#page(this.#listed(), request, 'newest first');
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
      http.delete(`${ORIGIN}/api/me`, ({ request }) => this.#change(request, () => new HttpResponse(null, { status: 202 }))),
      http.get(`${ORIGIN}/api/me/devices`, () => this.#failed() ?? HttpResponse.json(this.devices)),
      http.delete(`${ORIGIN}/api/me/devices`, ({ request }) => this.#change(request, () => undefined)),
      http.get(`${ORIGIN}/api/messages/:group`, ({ request, params }) => {
        const group = String(params['group']);
        const cleared = this.settings.get(group)?.cleared ?? '';
        const thread = this.threads.get(group)?.filter(({ created_at: at }) => at > cleared);
        const missing = HttpResponse.json(['message_group_not_found'], { status: 404 });
        return this.#failed() ?? (thread ? this.#page(thread, request, 'oldest first') : missing);
      }),
      http.get(`${ORIGIN}/api/message_groups/:group`, ({ params }) => {
        this.shown.push(String(params['group']));
        return this.#failed() ?? this.#show(String(params['group']));
      }),
      http.patch(`${ORIGIN}/api/message_groups/:group`, ({ request, params }) =>
        this.#change(request, (body) => this.changeSettings(String(params['group']), body as MessageGroupSettings)),
      ),
      http.post(`${ORIGIN}/api/reports`, ({ request }) =>
        this.#change(request, (body) => {
          this.reports.push(body as NewReport);
          return HttpResponse.json({ uuid: uuid((this.#number += 1)) }, { status: 201 });
        }),
      ),
      http.get(`${ORIGIN}/api/unread`, () =>
        HttpResponse.json({ conversations: this.#listed().filter(({ unread_count: count }) => count).length, more: false }),
      ),
      http.put(`${ORIGIN}/api/message_groups/:group/read`, ({ request, params }) =>
        this.#change(request, () => this.#mark(String(params['group']), 0)),
      ),
      http.delete(`${ORIGIN}/api/message_groups/:group/read`, ({ request, params }) => {
        const from = new URL(request.url).searchParams.get('message_uuid');
        const thread = this.threads.get(String(params['group'])) ?? [];
        const unread = thread.slice(thread.findIndex(({ uuid: other }) => other === from));
        const count = unread.filter((message) => message.user_uuid !== this.me.uuid && !message.deleted_at).length;
        return this.#change(request, () => this.#mark(String(params['group']), count));
      }),
      http.put(`${ORIGIN}/api/messages/:group/:message`, ({ request, params }) =>
        this.#change(request, (body) => {
          const text = (body as { message: string }).message;
          return this.#refusalIn(params) ?? this.#replace(params, (message) => ({ ...message, message: text, edited_at: instant(Date.now()) }));
        }),
      ),
      http.delete(`${ORIGIN}/api/messages/:group/:message`, ({ request, params }) =>
        this.#change(request, () => {
          this.#replace(params, ({ uuid: id, user_uuid, handle, display_name, created_at, version }) => {
            const deleted_at = instant(Date.now());
            return { uuid: id, user_uuid, handle, display_name, created_at, message: '', deleted_at, ...(version && { version }) };
          });
        }),
      ),
      http.put(`${ORIGIN}/api/messages/:group/:message/reactions/:emoji`, ({ request, params }) =>
        this.#change(request, () => this.#refusalIn(params) ?? this.#react(params, true)),
      ),
      http.delete(`${ORIGIN}/api/messages/:group/:message/reactions/:emoji`, ({ request, params }) =>
        this.#change(request, () => this.#refusalIn(params) ?? this.#react(params, false)),
      ),
      http.patch(`${ORIGIN}/api/me`, ({ request }) =>
        this.#change(request, (body) => {
          this.me = { ...this.me, ...(body as Partial<Me>) };
          return this.me;
        }),
      ),
      http.get(`${ORIGIN}/api/blocks`, ({ request }) => {
        const blocked = this.users
          .filter(({ uuid: id }) => this.blocks.has(id))
          .map(({ uuid: id, handle, display_name }) => ({ uuid: id, handle, display_name, blocked_at: this.blocks.get(id) ?? '' }))
          .toSorted((a, b) => (a.uuid < b.uuid ? -1 : 1));
        return this.#failed() ?? this.#page(blocked, request, 'newest first');
      }),
      http.get(`${ORIGIN}/api/message_requests`, ({ request }) => {
        this.requestListings += 1;
        const pending = this.groups.filter(({ uuid: id }) => this.requests.get(id) === 'pending');
        return this.#failed() ?? this.#page(pending, request, 'newest first');
      }),
      http.put(`${ORIGIN}/api/message_requests/:group`, ({ request, params }) => this.#answer(request, String(params['group']), true)),
      http.delete(`${ORIGIN}/api/message_requests/:group`, ({ request, params }) => this.#answer(request, String(params['group']), false)),
      http.put(`${ORIGIN}/api/blocks/:user`, ({ request, params }) => this.#block(request, String(params['user']), true)),
      http.delete(`${ORIGIN}/api/blocks/:user`, ({ request, params }) => this.#block(request, String(params['user']), false)),
      http.get(`${ORIGIN}/api/users`, ({ request }) => {
        const prefix = new URL(request.url).searchParams.get('prefix')?.trim() ?? '';
        this.searches.push(prefix);
        return this.#failed() ?? this.#search(prefix);
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
    const group = this.#groupWith(this.#user(handle).uuid);
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

  /** Changes the settings of a group, and logs it. */
  changeSettings(group: string, { muted_until: muted, hidden, cleared }: MessageGroupSettings): void {
    const { created_at: newest = '' } = this.groups.find(({ uuid: other }) => other === group) ?? {};
    const { muted: mutedBefore, hidden: hiddenBefore, cleared: clearedBefore } = this.settings.get(group) ?? {};
    const next = {
      muted: muted === undefined ? mutedBefore : (muted ?? undefined),
      hidden: typeof hidden === 'boolean' ? (hidden ? newest : undefined) : hiddenBefore,
      cleared: cleared === true ? newest : clearedBefore,
    };
    this.settings.set(group, {
      ...(next.muted !== undefined && { muted: next.muted }),
      ...(next.hidden !== undefined && { hidden: next.hidden }),
      ...(next.cleared !== undefined && { cleared: next.cleared }),
    });
    if (cleared === true) {
      this.groups = this.groups.map((row) => (row.uuid === group ? { ...row, unread_count: 0 } : row));
    }
    const number = 1 + (this.events?.length ?? 0);
    this.events?.push({ number, cursor: cursorOf(number), type: 'group', message_group_uuid: group, at: instant(Date.now()) });
  }

  /** A group as lists show it. */
  #row(row: MessageGroup): MessageGroup {
    const { muted, cleared = '' } = this.settings.get(row.uuid) ?? {};
    const { deleted_at: _, ...rest } = row;
    const shown = row.created_at <= cleared ? { ...rest, message: '' } : row;
    return { ...shown, ...(muted !== undefined && { muted_until: muted }) };
  }

  #isHidden({ uuid: group, created_at: at }: MessageGroup): boolean {
    return at <= (this.settings.get(group)?.hidden ?? '');
  }

  /** Answers a change with what `apply` returns, or with 204. */
  async #change(request: Request, apply: (body: unknown) => object | void) {
    const text = await request.text();
    const body: unknown = text === '' ? null : JSON.parse(text);
    this.changes.push({ request: `${request.method} ${decodeURI(new URL(request.url).pathname)}`, body });
    await delay(this.delayMillis);
    const failure = this.changeFailure;
    if (failure !== null) {
      return HttpResponse.json(failure.body, { status: failure.status });
    }
    const result = apply(body);
    if (result instanceof Response) {
      return result;
    }
    return result ? HttpResponse.json(result) : new HttpResponse(null, { status: 204 });
  }

  #show(group: string) {
    const row = this.groups.find(({ uuid: other }) => other === group);
    if (row === undefined) {
      return HttpResponse.json(['message_group_not_found'], { status: 404 });
    }
    const { user_uuid: other, handle, display_name } = row;
    const seen = this.seen.get(group);
    const { uuid: me, handle: ownHandle, display_name: ownName } = this.me;
    const members: Member[] = [
      { uuid: me, handle: ownHandle, display_name: ownName },
      {
        uuid: other,
        handle,
        display_name,
        ...(seen !== undefined && { last_read_message_uuid: seen, last_read_at: instant(Date.now()) }),
      },
    ];
    const { cleared } = this.settings.get(group) ?? {};
    const request = this.requests.get(group);
    return HttpResponse.json({
      ...this.#row(row),
      ...(request !== undefined && { request }),
      blocked: this.blocks.has(other),
      hidden: this.#isHidden(row),
      ...(cleared !== undefined && { cleared_until: cleared }),
      members,
    });
  }

  #mark(group: string, unread: number): void {
    this.groups = this.groups.map((row) => (row.uuid === group ? { ...row, unread_count: unread } : row));
    const number = 1 + (this.events?.length ?? 0);
    const at = instant(Date.now());
    this.events?.push({ number, cursor: cursorOf(number), type: 'read', message_group_uuid: group, user_uuid: this.me.uuid, at });
  }

  #replace({ group, message: id }: PathParams, change: (message: Message) => Message): Message | undefined {
    const thread = this.threads.get(String(group)) ?? [];
    const index = thread.findIndex(({ uuid: other }) => other === id);
    const before = thread[index];
    if (before === undefined) {
      return undefined;
    }
    const after = change({ ...before, version: (before.version ?? 1) + 1 });
    thread[index] = after;
    if (index === thread.length - 1) {
      const { message, version, edited_at, deleted_at } = after;
      this.groups = this.groups.map((row) =>
        row.uuid === group
          ? { ...row, message, ...(version && { version }), ...(edited_at && { edited_at }), ...(deleted_at && { deleted_at }) }
          : row,
      );
    }
    return after;
  }

  #react(params: PathParams, isOn: boolean): void {
    const emoji = decodeURIComponent(String(params['emoji']));
    this.#replace(params, ({ reactions = [], ...message }) => {
      const users = reactions.find((reaction) => reaction.emoji === emoji)?.user_uuids ?? [];
      const left = users.filter((user) => user !== this.me.uuid);
      const changed = { emoji, user_uuids: isOn ? [...left, this.me.uuid] : left };
      const all = [...reactions.filter((reaction) => reaction.emoji !== emoji), changed].filter((each) => each.user_uuids.length > 0);
      return all.length > 0 ? { ...message, reactions: all } : message;
    });
  }

  #send(body: Post['body'], key: string | null) {
    const response = this.sendResponses.shift() ?? 'stored';
    if (typeof response === 'object') {
      const headers = response.retryAfter === undefined ? {} : { 'Retry-After': String(response.retryAfter) };
      return HttpResponse.json(response.body ?? {}, { status: response.status, headers });
    }
    const before = this.#stored.get(key ?? '');
    const refusal = before === undefined ? this.#refusal(this.#recipientOf(body)) : undefined;
    if (refusal !== undefined) {
      return refusal;
    }
    const sent = before ?? this.#store(body);
    if (key !== null) {
      this.#stored.set(key, sent);
    }
    return response === 'lost' ? HttpResponse.error() : HttpResponse.json(sent);
  }

  /** The groups that lists show. */
  #listed(): MessageGroup[] {
    const isShown = (row: MessageGroup) => this.listsAreLate || (!this.blocks.has(row.user_uuid) && !this.#isHidden(row));
    return this.groups.filter((row) => isShown(row) && !this.requests.has(row.uuid)).map((row) => this.#row(row));
  }

  async #answer(request: Request, group: string, isAccepted: boolean) {
    return await this.#change(request, () => {
      if (isAccepted) {
        this.requests.delete(group);
        return undefined;
      }
      if (!this.requests.has(group)) {
        return HttpResponse.json(['request_accepted'], { status: 409 });
      }
      this.requests.set(group, 'declined');
      return undefined;
    });
  }

  async #block(request: Request, user: string, isBlocked: boolean) {
    return await this.#change(request, () => {
      if (user === this.me.uuid) {
        return HttpResponse.json(['user_is_caller'], { status: 422 });
      }
      if (!this.users.some(({ uuid: known }) => known === user)) {
        return HttpResponse.json(['user_not_found'], { status: 404 });
      }
      if (!isBlocked) {
        this.blocks.delete(user);
      } else if (!this.blocks.has(user)) {
        this.blocks.set(user, instant(Date.now()));
      }
      return undefined;
    });
  }

  #search(prefix: string) {
    const length = [...prefix].length;
    if (length < 1 || length > 64) {
      return HttpResponse.json(['prefix_invalid'], { status: 422 });
    }
    const wanted = prefix.replace(/^@/, '').toLowerCase();
    const isHandleOnly = prefix.startsWith('@');
    const others = this.users.filter(({ uuid: id }) => id !== this.me.uuid && !this.refusing.has(id));
    const byHandle = others.filter(({ handle }) => handle.toLowerCase().startsWith(wanted));
    const byName = others.filter(({ display_name: name }) => !isHandleOnly && name.toLowerCase().startsWith(wanted));
    return HttpResponse.json([...new Set([...byHandle, ...byName])].slice(0, 20));
  }

  /** The response to a message to a user whom the signed-in user blocks, or who accepts none; undefined for others. */
  #refusal(user: string | undefined) {
    if (user !== undefined && this.blocks.has(user)) {
      return HttpResponse.json(['user_blocked'], { status: 403 });
    }
    return user !== undefined && this.refusing.has(user) ? HttpResponse.json(['message_not_accepted'], { status: 403 }) : undefined;
  }

  #refusalIn({ group }: PathParams) {
    return this.#refusal(this.groups.find(({ uuid: known }) => known === group)?.user_uuid);
  }

  #recipientOf(body: Post['body']): string {
    return (
      body.user_uuid ??
      this.groups.find((known) => known.uuid === body.message_group_uuid)?.user_uuid ??
      this.#user(body.handle ?? '').uuid
    );
  }

  #store(body: Post['body']): SentMessage {
    const to = this.#recipientOf(body);
    const { handle } = this.users.find((user) => user.uuid === to) ?? this.me;
    const group = body.message_group_uuid ?? this.groups.find((known) => known.user_uuid === to)?.uuid;
    const message = { ...this.message(this.me.handle, body.message, Date.now()), ...(body.reply_to && { reply_to: body.reply_to }) };
    const opened = group ?? this.#groupWith(to);
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
        from_me: newest?.user_uuid === this.me.uuid,
        unread_count: this.#unread(group, newest),
      },
      ...this.groups.filter(({ uuid: other }) => other !== group),
    ].toSorted((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  /** The number of unread messages after one was stored: an own message counts as reading. */
  #unread(group: string, newest: Message | undefined): number {
    const known = this.groups.find(({ uuid: other }) => other === group)?.unread_count ?? 0;
    return newest === undefined || newest.user_uuid === this.me.uuid ? 0 : known + 1;
  }

  #groupWith(user: string): string {
    return GROUPS.get(`${this.me.uuid} ${user}`) ?? uuid((this.#number += 1));
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
