// @vitest-environment node
import { WebSocket } from 'ws';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { server as interceptor } from '../../../app/src/testing/fake-stack.ts';
import { type Message, type MessageGroup, MessagesClient, type PagedList, type Store, Timeline, lastSeen, memoryStore, stateOf, unreadOf } from '../src/index.ts';
import { LiveServer, ME, OTHER, deleted, uuid } from './live-server.ts';

const GROUP = uuid(501);
const SECOND = uuid(502);
const TIMING = { start: 20, pong: 300, opening: 1000, reconnect: 20, reconnectMost: 100, gap: 50, late: 100, poll: 50, leader: 200, expected: 50 };

let server: LiveServer;
let ends: (() => void)[];

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

beforeAll(() => interceptor.close());

beforeEach(async () => {
  ends = [];
  server = await LiveServer.start();
  server.receive(GROUP, 'Hello!');
});

afterEach(async () => {
  for (const end of ends) {
    end();
  }
  await server.stop();
});

interface Opened {
  client: MessagesClient;
  thread: PagedList<Message>;
  rows: () => readonly Message[];
  /** The texts of the conversation, oldest first. */
  texts: () => string[];
  row: (text: string) => Message;
  /** The number of unread messages that the inbox shows. */
  unread: (group?: string) => number | undefined;
  preview: () => string | undefined;
  /** The bubbles' texts, with the changes that are being sent. */
  shown: () => string[];
}

async function open(options: { websocketUrl?: string | null; timing?: object; withThread?: boolean; store?: Store } = {}): Promise<Opened> {
  const client = new MessagesClient({
    url: server.url,
    websocketUrl: options.websocketUrl === undefined ? server.websocketUrl : options.websocketUrl,
    WebSocket,
    user: 'me',
    store: options.store ?? memoryStore(),
    credentials: () => Promise.resolve('token'),
    timing: { ...TIMING, ...options.timing },
  });
  const before = server.cursors.length;
  const thread = client.thread(GROUP);
  const lists = [client.inbox, client.me, ...(options.withThread === false ? [] : [thread])];
  ends.push(...lists.map((list) => list.subscribe(() => undefined)), () => {
    client.close();
    client.stop();
  });
  client.start();
  await eventually(() => expect(server.cursors.length).toBeGreaterThan(before));
  await eventually(() => expect(server.isRead).toBe(true));
  await settled();
  const rows = () => thread.state().value?.rows ?? [];
  const timeline = new Timeline();
  const state = stateOf(client);
  return {
    client,
    thread,
    rows,
    texts: () => rows().map(({ message }) => message),
    row: (text) => rows().find(({ message }) => message === text) ?? raise(text),
    unread: (group = GROUP) => client.inbox.state().value?.rows.find(({ uuid: known }) => known === group)?.unread_count,
    preview: () => client.inbox.state().value?.rows[0]?.message,
    shown: () => {
      const items = timeline.items(rows(), client.outbox.entries(), client.me.state().value ?? null, state.changes.state());
      return items.flatMap((item) => (item.kind === 'bubble' ? [item.isDeleted ? 'deleted' : item.text] : []));
    },
  };
}

function raise(text: string): never {
  throw new Error(`no message ${text}`);
}

async function settled(): Promise<void> {
  const until = performance.now() + 1000;
  let count = server.requests.length;
  for (let quiet = 0; quiet < 6 && performance.now() < until; quiet += 1) {
    // oxlint-disable-next-line no-await-in-loop
    await pause(30);
    if (count !== server.requests.length) {
      count = server.requests.length;
      quiet = 0;
    }
  }
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

const eventually = (assertion: () => void) => vi.waitFor(assertion, { timeout: 30_000, interval: 10 });

const since = (index: number) => server.requests.slice(index).toSorted();

describe('unread messages', () => {
  test('are counted on from the list without a request, and an own message reads those before it', async () => {
    const { client, unread, texts } = await open({ timing: { expected: 10_000 } });
    const total = unreadOf(client);
    ends.push(total.subscribe(() => undefined));
    expect([unread(), total.state()]).toEqual([1, { conversations: 1, more: false }]);
    const before = server.requests.length;
    server.receive(GROUP, 'One');
    server.receive(GROUP, 'Two');
    await eventually(() => expect(unread()).toBe(3));
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect(unread()).toBe(0));
    expect(total.state()).toEqual({ conversations: 0, more: false });
    server.receive(GROUP, 'Three');
    await eventually(() => expect([texts().at(-1), unread()]).toEqual(['Three', 1]));
    await settled();
    expect(since(before)).toEqual(['POST /api/messages']);
  });

  test('of a new conversation are loaded with its group', async () => {
    const { unread } = await open();
    const before = server.requests.length;
    server.receive(SECOND, 'News!');
    await eventually(() => expect(unread(SECOND)).toBe(1));
    expect(since(before)).toEqual([`GET /api/message_groups/${SECOND}`]);
  });

  test('are read at once, by one request in a second, and never by an older message', async () => {
    const { client, unread, row } = await open();
    for (const text of ['One', 'Two', 'Three']) {
      server.receive(GROUP, text);
    }
    await eventually(() => expect(unread()).toBe(4));
    const times: number[] = [];
    server.refuse = (request) => {
      if (request === `PUT /api/message_groups/${GROUP}/read`) {
        times.push(performance.now());
      }
      return null;
    };
    const { reads } = stateOf(client);
    reads.markRead(GROUP, row('One'));
    expect(unread()).toBe(2);
    for (const text of ['Two', 'Three', 'Two']) {
      reads.markRead(GROUP, row(text));
    }
    expect(unread()).toBe(0);
    await eventually(() => expect(server.unread(GROUP)).toBe(0));
    await settled();
    reads.markRead(GROUP);
    const [first = 0, second = 0] = times;
    expect([unread(), times.length, second - first > 900]).toEqual([0, 2, true]);
  });

  test('that another device has read are read here, with a request only if the conversation is not loaded', async () => {
    const { unread } = await open();
    const other = await open({ withThread: false });
    server.receive(GROUP, 'One');
    await eventually(() => expect([unread(), other.unread()]).toEqual([2, 2]));
    const before = server.requests.length;
    server.mark(GROUP, 1, 0);
    await eventually(() => expect([unread(), other.unread()]).toEqual([1, 1]));
    expect(since(before)).toEqual([`GET /api/message_groups/${GROUP}`]);
  });

  test('can be marked again, and stay so until the conversation is opened again', async () => {
    const { client, unread, row } = await open();
    const { reads } = stateOf(client);
    server.receive(GROUP, 'One');
    await eventually(() => expect(unread()).toBe(2));
    reads.markRead(GROUP);
    await eventually(() => expect(server.unread(GROUP)).toBe(0));
    const marked = reads.markUnread(GROUP, row('One'));
    reads.markRead(GROUP, row('One'));
    expect(unread()).toBe(1);
    await marked;
    await eventually(() => expect(server.unread(GROUP)).toBe(1));
    await settled();
    expect(unread()).toBe(1);
    reads.opened(GROUP);
    reads.markRead(GROUP, row('One'));
    await eventually(() => expect([unread(), server.unread(GROUP)]).toEqual([0, 0]));
    await reads.markUnread(GROUP);
    reads.markRead(GROUP);
    await eventually(() => expect([unread(), server.unread(GROUP)]).toEqual([0, 0]));
  });

  test('are unread again if they can not be marked, and marked when the API is back', async () => {
    const { client, unread } = await open();
    const { reads } = stateOf(client);
    server.refuse = (request) => (request.startsWith('PUT') ? { status: 422, json: ['created_at_invalid'] } : null);
    reads.markRead(GROUP);
    expect(unread()).toBe(0);
    await eventually(() => expect(unread()).toBe(1));
    server.refuse = (request) => (request.startsWith('PUT') ? { status: 503, json: ['unavailable'] } : null);
    await pause(1000);
    reads.markRead(GROUP);
    await settled();
    expect(unread()).toBe(0);
    server.refuse = () => null;
    client.reconnect();
    await eventually(() => expect(server.unread(GROUP)).toBe(0));
  });

  test('that were read do not return with an older response', async () => {
    const { client, unread } = await open();
    server.responseDelay = 300;
    void client.inbox.refresh();
    await pause(50);
    stateOf(client).reads.markRead(GROUP);
    await pause(800);
    expect([unread(), server.unread(GROUP)]).toEqual([0, 0]);
  });

  test.each([['a new message', false], ['a deletion', true]])('are counted if %s is loaded while the next message comes', async (_, isDeleted) => {
    const { row, unread } = await open();
    server.receive(GROUP, 'One');
    await eventually(() => expect(unread()).toBe(2));
    server.embeds = false;
    server.responseDelay = 300;
    if (isDeleted) {
      server.change(GROUP, row('One').uuid, deleted);
    } else {
      server.receive(GROUP, 'Two');
    }
    await pause(100);
    server.embeds = true;
    server.receive(GROUP, 'Three');
    await pause(800);
    await eventually(() => expect(unread()).toBe(isDeleted ? 2 : 4));
  });

  test('that are deleted do not count', async () => {
    const { unread, row, preview } = await open();
    server.receive(GROUP, 'One');
    await eventually(() => expect(unread()).toBe(2));
    server.change(GROUP, row('One').uuid, deleted);
    await eventually(() => expect([unread(), preview()]).toEqual([1, '']));
  });

  test('beyond the loaded part of the inbox are counted by the API', async () => {
    for (let index = 0; index < 40; index += 1) {
      server.receive(uuid(600 + index), 'Hello!');
    }
    const { client } = await open();
    const total = unreadOf(client);
    ends.push(total.subscribe(() => undefined));
    await eventually(() => expect(total.state()?.conversations).toBe(41));
    server.responseDelay = 500;
    server.mark(uuid(600), 1, 0);
    await eventually(() => expect(server.count('GET /api/unread')).toBe(2));
    // The response that is on its way does not have this one.
    server.mark(uuid(601), 1, 0);
    await eventually(() => expect(total.state()?.conversations).toBe(39));
  });
});

describe('a changed message', () => {
  test('is shown in its conversation and in the inbox without a request', async () => {
    const { row, texts, preview } = await open();
    const before = server.requests.length;
    const { uuid: message } = row('Hello!');
    server.change(GROUP, message, (known) => ({ ...known, message: 'Hi!', edited_at: known.created_at }));
    await eventually(() => expect([texts(), preview()]).toEqual([['Hi!'], 'Hi!']));
    server.change(GROUP, message, deleted);
    await eventually(() => expect([texts(), preview()]).toEqual([[''], '']));
    expect(since(before).filter((request) => !request.endsWith(GROUP))).toEqual([]);
  });

  test('that is not embedded is loaded with its page, also if it is old', async () => {
    for (let index = 0; index < 70; index += 1) {
      server.receive(GROUP, `Message ${index}`);
    }
    const { thread, row, texts } = await open();
    await thread.loadMore();
    await thread.loadMore();
    expect(texts()).toHaveLength(71);
    server.embeds = false;
    server.change(GROUP, row('Message 20').uuid, deleted);
    server.change(GROUP, row('Hello!').uuid, deleted);
    await eventually(() => expect([texts().includes('Message 20'), texts().includes('Hello!')]).toEqual([false, false]));
    expect(texts()).toHaveLength(71);
  });

  test.each([['deleted'], ['edited']])('that was %s does not return with an older response', async (how) => {
    const { client, thread } = await open({ withThread: false });
    const text = () => thread.state().value?.rows[0]?.message;
    const message = server.groups.get(GROUP)?.messages[0] ?? raise('Hello!');
    server.responseDelay = 300;
    ends.push(thread.subscribe(() => undefined));
    void client.inbox.refresh();
    await pause(100);
    server.change(GROUP, message.uuid, (known) => (how === 'deleted' ? deleted(known) : { ...known, message: 'Hi!', edited_at: known.created_at }));
    await pause(600);
    const expected = how === 'deleted' ? '' : 'Hi!';
    expect([text(), client.inbox.state().value?.rows[0]?.message]).toEqual([expected, expected]);
  });

  test('that is not embedded does not return with an older page', async () => {
    for (let index = 0; index < 40; index += 1) {
      server.receive(GROUP, `Message ${index}`);
    }
    const { thread, rows, texts } = await open();
    const message = server.groups.get(GROUP)?.messages[0] ?? raise('Hello!');
    server.embeds = false;
    server.responseDelay = 300;
    const loading = thread.loadMore();
    await pause(100);
    server.change(GROUP, message.uuid, deleted);
    await loading;
    expect(rows()).toHaveLength(41);
    await eventually(() => expect(texts()).not.toContain('Hello!'));
  });

  test('stays as it is if the response to an earlier edit comes later', async () => {
    const { client, row, rows } = await open();
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect(rows()).toHaveLength(2));
    server.responseDelay = 300;
    const { uuid: message } = row('Mine');
    stateOf(client).changes.edit(GROUP, row('Mine'), 'Ours');
    await pause(100);
    server.change(GROUP, message, (known) => ({ ...known, reactions: [{ emoji: '👍', user_uuids: [OTHER.uuid] }] }));
    await pause(600);
    expect(rows()[1]).toMatchObject({ message: 'Ours', version: 3, reactions: [{ emoji: '👍' }] });
  });

  test('is not quoted any more after its deletion', async () => {
    const { client, rows, row, texts } = await open();
    const quotes = () => rows().map(({ reply_to: to }) => to?.message ?? null);
    client.send({ kind: 'group', uuid: GROUP }, 'Reply', row('Hello!'));
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Reply']));
    const items = () => new Timeline().items(rows(), [], ME).flatMap((item) => (item.kind === 'bubble' ? [item.quote] : []));
    expect(items()[1]).toEqual({ uuid: row('Hello!').uuid, own: false, text: 'Hello!' });
    for (let index = 0; index < 29; index += 1) {
      server.receive(GROUP, `Message ${index}`);
    }
    // A client that has not loaded the quoted message.
    const other = await open();
    expect(other.rows()[0]?.reply_to?.message).toBe('Hello!');
    server.embeds = false;
    server.change(GROUP, row('Hello!').uuid, deleted);
    await eventually(() => expect([items()[1]?.text, other.rows()[0]?.reply_to?.message]).toEqual([null, undefined]));
    expect(quotes()).not.toContain('Hello!');
  });
});

describe('a change by the user', () => {
  test('is shown at once, and remains', async () => {
    const { client, row, texts, shown, preview } = await open();
    const { changes } = stateOf(client);
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    client.send({ kind: 'group', uuid: GROUP }, 'Wrong');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Mine', 'Wrong']));
    server.responseDelay = 100;
    changes.edit(GROUP, row('Mine'), 'Ours');
    changes.delete(GROUP, row('Wrong'));
    changes.react(GROUP, row('Hello!'), '👍', true);
    expect([shown(), texts()]).toEqual([['Hello!', 'Ours', 'deleted'], ['Hello!', 'Mine', 'Wrong']]);
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'Ours', ''], '']));
    await eventually(() => expect(changes.state().size).toBe(0));
    expect(row('Hello!').reactions).toEqual([{ emoji: '👍', user_uuids: [ME.uuid] }]);
  });

  test('that is refused disappears and can be sent again', async () => {
    const { client, row, shown } = await open();
    const { changes } = stateOf(client);
    server.refuse = (request) => (request.startsWith('DELETE') ? { status: 403, json: ['message_not_yours'] } : null);
    changes.delete(GROUP, row('Hello!'));
    expect(shown()).toEqual(['deleted']);
    await eventually(() => expect(shown()).toEqual(['Hello!']));
    const [failed] = [...changes.state().values()].flat();
    expect(failed?.problem).toEqual({ kind: 'api', status: 403, codes: ['message_not_yours'] });
    server.refuse = () => null;
    changes.retry(failed?.id ?? '');
    await eventually(() => expect([shown(), changes.state().size]).toEqual([['deleted'], 0]));
  });

  test('is sent again after a reload', async () => {
    const store = memoryStore();
    const before = await open({ store });
    before.client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect(before.texts()).toEqual(['Hello!', 'Mine']));
    before.client.send({ kind: 'group', uuid: GROUP }, 'Regretted');
    await eventually(() => expect(before.texts()).toEqual(['Hello!', 'Mine', 'Regretted']));
    server.refuse = (request) => (/^(PUT|DELETE)/.test(request) ? { status: 400, json: [] } : null);
    const { changes } = stateOf(before.client);
    changes.edit(GROUP, before.row('Mine'), 'Wrong');
    changes.edit(GROUP, before.row('Mine'), 'Ours');
    changes.react(GROUP, before.row('Hello!'), '👍', true);
    changes.delete(GROUP, before.row('Regretted'));
    await eventually(() => expect(before.shown()).toEqual(['Hello!', 'Mine', 'Regretted']));
    expect(before.client.drafts.count()).toBe(1);

    server.refuse = () => null;
    const { client, texts, shown, row } = await open({ store });
    expect(shown()).toEqual(['Hello!', 'Ours', 'deleted']);
    await eventually(() => expect([texts(), client.drafts.count()]).toEqual([['Hello!', 'Ours', ''], 0]));
    await eventually(() => expect(row('Hello!').reactions).toHaveLength(1));
    expect(store.keys('cruddur.draft.')).toEqual([]);
  });

  test('of a reaction counts as last wished, without another in between', async () => {
    const { client, row, rows } = await open();
    const { changes } = stateOf(client);
    const timeline = new Timeline();
    const seen: boolean[] = [];
    const look = () => {
      const items = timeline.items(rows(), [], ME, changes.state());
      seen.push(items.some((item) => item.kind === 'bubble' && item.reactions.some(({ own }) => own)));
    };
    ends.push(changes.subscribe(look), client.thread(GROUP).subscribe(look));
    changes.react(GROUP, row('Hello!'), '👍', true);
    changes.react(GROUP, row('Hello!'), '👍', false);
    await eventually(() => expect(row('Hello!').version).toBe(3));
    await eventually(() => expect(changes.state().size).toBe(0));
    expect([seen[0], seen.slice(1).includes(true), row('Hello!').reactions]).toEqual([true, false, []]);
  });

  test('of the settings is shown at once, and as before if it fails', async () => {
    const { client } = await open();
    const name = () => client.me.state().value?.display_name;
    server.refuse = (request) => (request.startsWith('PATCH') ? { status: 422, json: ['display_name_invalid'] } : null);
    const failed = stateOf(client).updateMe({ display_name: 'Sun' });
    expect(name()).toBe('Sun');
    await expect(failed).rejects.toMatchObject({ codes: ['display_name_invalid'] });
    expect(name()).toBe(ME.display_name);
    server.refuse = () => null;
    await stateOf(client).updateMe({ display_name: 'Sun' });
    expect(name()).toBe('Sun');
  });
});

test('a reply to a message that is deleted meanwhile survives a reload, and can be sent as a message of its own', async () => {
  const { client, row, rows, texts } = await open();
  server.refuse = (request) => (request.startsWith('POST') ? { status: 409, json: ['message_deleted'] } : null);
  const { uuid: message, created_at } = row('Hello!');
  client.send({ kind: 'group', uuid: GROUP }, 'Reply', row('Hello!'));
  await eventually(() => expect(client.outbox.entries()[0]?.state.name).toBe('failed'));
  const { store, user } = client;
  const [reloaded] = new MessagesClient({ url: server.url, user, store, credentials: () => Promise.resolve(null) }).outbox.entries();
  expect(reloaded?.replyTo).toEqual({ uuid: message, created_at });
  server.refuse = () => null;
  client.outbox.retryWithoutReply(reloaded?.id ?? '');
  await eventually(() => expect(texts()).toEqual(['Hello!', 'Reply']));
  expect(rows()[1]?.reply_to).toBeUndefined();
});

/** Opens the list of requests, without a conversation. */
async function withRequests() {
  const opened = await open({ withThread: false });
  const { requests, blocks } = stateOf(opened.client);
  ends.push(requests.list.subscribe(() => undefined));
  await eventually(() => expect(requests.list.state().value).toBeDefined());
  return { ...opened, requests, blocks, texts: () => requests.list.state().value?.rows.map(({ message }) => message) };
}

/** Logs a change of the request. */
function logRequest(type: 'group' | 'message_changed') {
  const event = { type, message_group_uuid: SECOND, ...(type === 'message_changed' && { message_uuids: [uuid(9)] }) };
  server.append({ events: [event], messages: [], groups: [] });
}

describe('message requests', () => {
  const REQUEST: MessageGroup = {
    uuid: SECOND,
    user_uuid: uuid(3),
    handle: 'lore',
    display_name: 'Lore Winters',
    message: 'Do you remember me?',
    created_at: '2026-11-22T09:29:00.000000Z',
    request: 'pending',
  };
  let listed: MessageGroup[];
  let shown: MessageGroup;

  beforeEach(() => {
    listed = [];
    shown = REQUEST;
    server.refuse = (request) => {
      switch (request) {
        case 'GET /api/message_requests':
          return { status: 200, json: listed };
        case `GET /api/message_groups/${SECOND}`:
          return { status: 200, json: { ...shown, members: [] } };
        case `DELETE /api/message_requests/${SECOND}`:
          return { status: 204, json: null };
        default:
          return null;
      }
    };
  });

  test('arrive and leave by events, are not in the inbox, and are listed once', async () => {
    const { client, texts } = await withRequests();
    expect(texts()).toEqual([]);
    logRequest('group');
    await eventually(() => expect(texts()).toEqual(['Do you remember me?']));
    shown = { ...REQUEST, message: '', deleted_at: '2026-11-22T09:30:00.000000Z', version: 2 };
    logRequest('message_changed');
    await eventually(() => expect(texts()).toEqual(['']));
    expect(client.inbox.state().value?.rows.map(({ uuid: group }) => group)).toEqual([GROUP]);
    shown = { ...REQUEST, request: 'declined' };
    logRequest('group');
    await eventually(() => expect(texts()).toEqual([]));
    expect(server.count('GET /api/message_requests')).toBe(1);
  });

  test('that are answered stay so while the server still lists them', async () => {
    listed = [REQUEST];
    const { requests, texts } = await withRequests();
    expect(texts()).toEqual(['Do you remember me?']);
    await requests.answer(SECOND, false);
    expect(texts()).toEqual([]);
    await requests.list.invalidate();
    await settled();
    expect(texts()).toEqual([]);
  });

  test('are marked as read after the acceptance, though the server counts none for a moment', async () => {
    const { client } = await withRequests();
    const { reads, groups } = stateOf(client);
    ends.push(groups.get(SECOND).subscribe(() => undefined));
    await eventually(() => expect(groups.get(SECOND).state().value?.request).toBe('pending'));
    const { request: _, ...accepted } = REQUEST;
    shown = { ...accepted, unread_count: 0 };
    await groups.get(SECOND).reload();
    for (let seen = 0; seen < 2; seen += 1) {
      reads.markRead(SECOND, { uuid: uuid(9), created_at: REQUEST.created_at });
    }
    await eventually(() => expect(server.count(`PUT /api/message_groups/${SECOND}/read`)).toBe(1));
  });

  test('of a blocked user are not listed', async () => {
    listed = [REQUEST];
    const { blocks, texts } = await withRequests();
    blocks.observe()(REQUEST.user_uuid, true);
    expect(texts()).toEqual([]);
  });

  test('are none at an earlier version of the API', async () => {
    server.refuse = () => null;
    const { requests, texts } = await withRequests();
    expect([texts(), requests.list.state().error]).toEqual([[], null]);
  });
});

test('the other user is seen to have read, also by own messages, unless receipts are off', async () => {
  const { client, rows, texts, row } = await open();
  const state = stateOf(client);
  const group = state.groups.get(GROUP);
  ends.push(group.subscribe(() => undefined));
  const seen = () => {
    const uuidOf = lastSeen(rows(), group.state().value?.members ?? [], ME.uuid);
    return rows().find(({ uuid: known }) => known === uuidOf)?.message ?? null;
  };
  for (const text of ['One', 'Two', 'Three']) {
    client.send({ kind: 'group', uuid: GROUP }, text);
  }
  await eventually(() => expect(texts()).toHaveLength(4));
  await settled();
  const before = server.requests.length;
  expect(seen()).toBeNull();
  server.readByOther(GROUP, row('One'));
  await eventually(() => expect(seen()).toBe('One'));
  server.receive(GROUP, 'I see');
  await eventually(() => expect(seen()).toBe('Three'));
  expect(since(before)).toEqual([]);
  await state.updateMe({ read_receipts: false });
  await eventually(() => expect(seen()).toBeNull());
});

test.each([1, 2, 3])('with lost, doubled and late frames, every client shows what is stored (seed %d)', async (seed) => {
  const random = generator(seed);
  server.onFrame = (send) => {
    const fate = random();
    if (fate > 0.15) {
      setTimeout(send, fate > 0.6 ? 0 : random() * 60);
    }
    if (fate > 0.9) {
      setTimeout(send, random() * 60);
    }
  };
  const opened = [await open(), await open({ timing: { catchUp: 300 } }), await open({ websocketUrl: null }), await open({ withThread: false })];
  for (let index = 0; index < 150; index += 1) {
    const { client, rows } = opened[index % 3] ?? raise('client');
    const { changes, reads } = stateOf(client);
    const kind = Math.floor(random() * 8);
    const any = rows()[Math.floor(random() * rows().length)] ?? raise('row');
    const own = rows().findLast(({ user_uuid: user, deleted_at: at }) => user === ME.uuid && at === undefined);
    server.embeds = random() > 0.2;
    server.responseDelay = random() * 60;
    if (kind === 0) {
      client.send({ kind: 'group', uuid: GROUP }, `Own ${index}`, random() < 0.5 ? any : null);
    } else if (kind === 1 && own !== undefined) {
      changes.edit(GROUP, own, `Edited ${index}`);
    } else if (kind === 2) {
      server.change(GROUP, any.uuid, deleted);
    } else if (kind === 3) {
      changes.react(GROUP, any, '👍', random() < 0.5);
    } else if (kind === 4) {
      reads.opened(GROUP);
      reads.markRead(GROUP, random() < 0.5 ? any : null);
    } else if (kind === 5 && random() < 0.3) {
      reads.markUnread(GROUP, any).catch(() => undefined);
    } else {
      server.receive(GROUP, `Message ${index}`);
    }
    if (random() < 0.03) {
      server.cut();
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(random() * 20);
  }
  server.onFrame = null;
  server.responseDelay = 0;
  await pause(2500);
  server.receive(GROUP, 'The end');
  const stored = () => server.groups.get(GROUP)?.messages ?? [];
  for (const { client, rows, unread, preview } of opened.slice(0, 3)) {
    // oxlint-disable-next-line no-await-in-loop
    await eventually(() => {
      expect(rows().map(({ uuid: known, message, version = 1, reactions = [] }) => ({ known, message, version, reactions }))).toEqual(
        stored().slice(-rows().length).map(({ uuid: known, message, version = 1, reactions = [] }) => ({ known, message, version, reactions })),
      );
      expect([unread(), preview()]).toEqual([server.unread(GROUP), 'The end']);
      const gone = new Set(stored().flatMap(({ uuid: known, deleted_at: at }) => (at === undefined ? [] : [known])));
      const quoted = rows().filter(({ reply_to: to }) => to !== undefined && gone.has(to.uuid));
      const items = new Timeline().items(rows(), [], ME);
      expect(items.filter((item) => item.kind === 'bubble' && quoted.some(({ uuid: known }) => known === item.key) && item.quote?.text)).toEqual([]);
      expect([...stateOf(client).changes.state().values()].flat().filter(({ problem }) => problem === null)).toEqual([]);
    });
  }
  const last = opened[3];
  await eventually(() => expect([last?.unread(), last?.preview()]).toEqual([server.unread(GROUP), 'The end']));
});

/** Numbers from 0 to 1 that depend on the seed only. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
