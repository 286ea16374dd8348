// @vitest-environment node
import { WebSocket } from 'ws';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { server as interceptor } from '../../../app/src/testing/fake-stack.ts';
import { type ClientOptions, type Message, type PagedList, type Store, MessagesClient, memoryStore } from '../src/index.ts';
import { LiveServer, cursorOf, deleted, uuid } from './live-server.ts';
import { FakeTabs } from './tabs.ts';

const GROUP = uuid(501);
const SECOND = uuid(502);

/** The default durations, shortened; those that a test waits for are its own. */
const TIMING = { start: 20, pong: 300, opening: 1000, reconnect: 20, reconnectMost: 100, gap: 50, late: 100, poll: 50, leader: 200, expected: 50 };

let server: LiveServer;
let ends: (() => void)[];

// The servers are real, and so are the durations: a busy machine needs more of them.
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
  /** The texts of the conversation, oldest first. */
  texts: () => string[] | undefined;
  /** The preview of the newest conversation in the inbox. */
  preview: () => string | undefined;
  /** Ends the subscriptions, like a closed tab. */
  close: () => void;
}

function create(options: Partial<ClientOptions> = {}): MessagesClient {
  return new MessagesClient({
    url: server.url,
    websocketUrl: server.websocketUrl,
    WebSocket,
    user: 'me',
    store: memoryStore(),
    credentials: () => Promise.resolve('token'),
    ...options,
    timing: { ...TIMING, ...options.timing },
  });
}

/** A client whose inbox and conversation are in use, once its events arrive. */
async function open(options: Partial<ClientOptions> = {}): Promise<Opened> {
  const client = create(options);
  const before = server.cursors.length;
  const thread = client.thread(GROUP);
  const unsubscribe = [client.inbox.subscribe(() => undefined), thread.subscribe(() => undefined)];
  const close = () => {
    for (const end of unsubscribe) {
      end();
    }
    client.close();
    client.stop();
  };
  ends.push(close);
  client.start();
  const isConnected = () => options.websocketUrl === null || !server.hasSocket || server.connections.length > 0;
  await eventually(() => expect(server.cursors.length > before && isConnected() && server.isRead).toBe(true));
  await settled();
  return {
    client,
    thread,
    texts: () => thread.state().value?.rows.map(({ message }) => message),
    preview: () => client.inbox.state().value?.rows[0]?.message,
    close,
  };
}

/** Waits until no request has been made for a while, or for a second. Several pauses: on a busy machine one proves little. */
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

describe('over the socket', () => {
  test('a message arrives without a request, in the conversation and in the inbox', async () => {
    const { texts, preview } = await open();
    const before = server.requests.length;
    server.receive(GROUP, 'News!');
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'News!'], 'News!']));
    expect(server.requests).toHaveLength(before);
    const [protocols] = server.handshakes;
    expect(protocols).toEqual(['cruddur.v1', expect.stringMatching(/^device\.[0-9a-f-]{36}$/u), 'bearer.token']);
  });

  test('what a frame does not embed is loaded, once', async () => {
    const { texts, preview } = await open();
    server.embeds = false;
    const before = server.requests.length;
    server.receive(GROUP, 'News!');
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'News!'], 'News!']));
    await settled();
    expect(server.requests.slice(before).toSorted()).toEqual(['GET /api/message_groups', `GET /api/messages/${GROUP}`]);
  });

  test('an event of an unknown type loads the group', async () => {
    await open();
    const before = server.requests.length;
    server.append({ events: [{ type: 'painted', message_group_uuid: GROUP }], messages: [], groups: [] });
    await eventually(() => expect(server.requests.length).toBe(before + 2));
    expect(server.requests.slice(before).toSorted()).toEqual(['GET /api/message_groups', `GET /api/messages/${GROUP}`]);
  });

  test('an own message is in the lists and leaves the outbox without a further request', async () => {
    const { client, texts, preview } = await open({ timing: { expected: 10_000 } });
    const before = server.requests.length;
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'Mine'], 'Mine']));
    await eventually(() => expect(client.outbox.entries()).toEqual([]));
    await settled();
    expect(server.requests.slice(before)).toEqual(['POST /api/messages']);
  });

  test('an own message leaves the outbox if its event comes before the response', async () => {
    const { client, texts } = await open();
    server.responseDelay = 200;
    const before = server.requests.length;
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Mine']));
    expect(client.outbox.entries()).toHaveLength(1);
    await eventually(() => expect(client.outbox.entries()).toEqual([]));
    await settled();
    expect(server.requests.slice(before)).toEqual(['POST /api/messages']);
  });

  test('frames twice, and in another order, change nothing else', async () => {
    const { thread, texts } = await open();
    const before = server.requests.length;
    const held: (() => void)[] = [];
    server.onFrame = (send) => held.push(send, send);
    server.receive(GROUP, 'One');
    server.receive(GROUP, 'Two');
    server.receive(GROUP, 'Three');
    let changes = 0;
    ends.push(
      thread.subscribe(() => {
        changes += 1;
      }),
    );
    for (const send of [held[2], held[0], held[4], ...held]) {
      send?.();
    }
    await eventually(() => expect(texts()).toEqual(['Hello!', 'One', 'Two', 'Three']));
    await settled();
    expect([changes, server.requests.length]).toEqual([3, before]);
  });

  test('a lost frame is read from the log', async () => {
    const { texts } = await open();
    const before = server.requests.length;
    server.pushes = false;
    server.receive(GROUP, 'Lost');
    server.pushes = true;
    server.receive(GROUP, 'Next');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Lost', 'Next']));
    await settled();
    expect(server.requests.slice(before).filter((request) => request === 'GET /api/events')).toHaveLength(1);
  });

  test.each([[[1]], [[2, 1]]])('the inbox shows the newest message if the frames %j of 0, 1 and 2 come', async (order) => {
    const { preview } = await open();
    const held: (() => void)[] = [];
    server.onFrame = (send) => held.push(send);
    for (const text of ['Zero', 'One', 'Two']) {
      server.receive(GROUP, text);
    }
    for (const index of order) {
      held[index]?.();
    }
    await eventually(() => expect(preview()).toBe('Two'));
  });

  test('what a later frame brings does not hide what the lost ones did not', async () => {
    const { texts } = await open();
    server.pushes = false;
    const lost = Array.from({ length: 40 }, (_, index) => `Lost ${index}`);
    for (const text of lost) {
      server.receive(GROUP, text);
    }
    server.pushes = true;
    server.receive(GROUP, 'Next');
    await eventually(() => expect(texts()).toEqual(['Hello!', ...lost, 'Next']));
  });

  test('what a frame brings does not hide a later change whose frame is lost', async () => {
    const { thread, texts } = await open();
    const message = thread.state().value?.rows[0]?.uuid ?? '';
    const held: (() => void)[] = [];
    server.onFrame = (send) => held.push(send);
    server.receive(SECOND, 'Lost');
    server.change(GROUP, message, (known) => ({ ...known, message: 'Edited' }));
    server.change(GROUP, message, deleted);
    await eventually(() => expect(held).toHaveLength(3));
    // It waits for the first one, and both others are read from the log.
    held[1]?.();
    await eventually(() => expect(texts()).toEqual(['']));
  });

  test('what a frame brings while its list is loaded is in the list', async () => {
    const { client } = await open();
    server.receive(SECOND, 'First');
    await eventually(() => expect(client.inbox.state().value?.rows).toHaveLength(2));
    server.responseDelay = 300;
    const second = client.thread(SECOND);
    ends.push(second.subscribe(() => undefined));
    await eventually(() => expect(server.count(`GET /api/messages/${SECOND}`)).toBe(1));
    server.receive(SECOND, 'Second');
    await eventually(() => expect(second.state().value?.rows.map(({ message }) => message)).toEqual(['First', 'Second']));
    expect(server.count(`GET /api/messages/${SECOND}`)).toBe(1);
  });

  test('a message of a conversation that is not open is there when it is opened again, without a request', async () => {
    const { client } = await open();
    server.receive(SECOND, 'First');
    await eventually(() => expect(client.inbox.state().value?.rows).toHaveLength(2));
    const second = client.thread(SECOND);
    second.subscribe(() => undefined)();
    await eventually(() => expect(second.state().value?.rows).toHaveLength(1));
    server.receive(SECOND, 'Second');
    await eventually(() => expect(second.state().value?.rows).toHaveLength(2));
    const before = server.requests.length;
    ends.push(second.subscribe(() => undefined));
    await settled();
    expect(server.requests).toHaveLength(before);
  });

  test('signing out closes it and leaves nothing on the device', async () => {
    const store = memoryStore();
    const { client } = await open({ store, tabs: new FakeTabs().tab() });
    expect(store.keys('cruddur.').length).toBeGreaterThan(0);
    // After this, nothing but the sign-out closes it.
    await pause(600);
    client.clear();
    await eventually(() => expect(server.connections).toEqual([]));
    server.receive(GROUP, 'News!');
    await settled();
    expect(store.keys('cruddur.')).toEqual([]);
  });

  test('without a list in use, it is closed, and what happened meanwhile is read when one is', async () => {
    const { client, close } = await open();
    const { handshakes } = server;
    const other = create();
    const end = other.inbox.subscribe(() => undefined);
    await eventually(() => expect(handshakes).toHaveLength(2));
    await settled();
    end();
    await eventually(() => expect(server.connections).toHaveLength(1));
    server.receive(GROUP, 'Meanwhile');
    ends.push(other.inbox.subscribe(() => undefined));
    await eventually(() => expect(other.inbox.state().value?.rows[0]?.message).toBe('Meanwhile'));
    expect(client.inbox.state().value?.rows[0]?.message).toBe('Meanwhile');
    close();
  });
});

describe('a connection', () => {
  test('that is cut is opened again, and what happened meanwhile is read', async () => {
    const { texts, preview } = await open();
    server.cut();
    server.receive(GROUP, 'Meanwhile');
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'Meanwhile'], 'Meanwhile']));
    await eventually(() => expect(server.connections).toHaveLength(1));
    const before = server.requests.length;
    server.receive(GROUP, 'Afterwards');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Meanwhile', 'Afterwards']));
    expect(server.requests.length - before).toBeLessThanOrEqual(1);
  });

  test('that answers no ping is replaced', async () => {
    server.answersPings = false;
    const { client } = await open({ timing: { pingInConversation: 50 } });
    await eventually(() => expect(server.handshakes.length).toBeGreaterThan(1));
    expect(server.pings[0]).toBe('{"type":"ping"}');
    server.answersPings = true;
    await eventually(() => expect(server.connections).toHaveLength(1));
    expect(client.connectivity.isTroubled()).toBe(false);
  });

  test('that delivers nothing is replaced twice, then the log is polled', async () => {
    server.pushes = false;
    const { texts } = await open({ timing: { catchUp: 60, late: 50 } });
    for (const text of ['One', 'Two', 'Three', 'Four']) {
      server.receive(GROUP, text);
      // oxlint-disable-next-line no-await-in-loop
      await eventually(() => expect(texts()?.at(-1)).toBe(text));
      // oxlint-disable-next-line no-await-in-loop
      await pause(300);
    }
    expect(server.handshakes).toHaveLength(3);
  });

  test('is opened again before its token ends, with a new token and without a loss', async () => {
    let issued = 0;
    const credentials = () => {
      issued += 1;
      const now = Math.floor(Date.now() / 1000);
      const claims = Buffer.from(JSON.stringify({ iat: now, exp: now + 2, jti: issued })).toString('base64url');
      return Promise.resolve(`e30.${claims}.signature`);
    };
    const { texts } = await open({ credentials });
    const sent: string[] = [];
    let cuts = 0;
    const wasOpen = setInterval(() => {
      cuts += server.connections.length === 0 ? 1 : 0;
    }, 5);
    while (server.handshakes.length < 4) {
      const text = `Message ${sent.length}`;
      sent.push(text);
      server.receive(GROUP, text);
      // oxlint-disable-next-line no-await-in-loop
      await pause(50);
    }
    clearInterval(wasOpen);
    await eventually(() => expect(texts()).toEqual(['Hello!', ...sent]));
    expect(cuts).toBe(0);
    expect(new Set(server.handshakes.map(([, , token]) => token)).size).toBe(server.handshakes.length);
    expect(new Set(server.handshakes.map(([, device]) => device)).size).toBe(1);
    await eventually(() => expect(server.connections).toHaveLength(1));
  });
});

describe('without a socket', () => {
  test('the log is polled, more rarely when nothing happens', async () => {
    const { texts, preview } = await open({ websocketUrl: null, timing: { poll: 20, pollMost: 10_000 } });
    await pause(1500);
    const polls = server.count('GET /api/events');
    // Five each after 20, 40, 80 and 160 ms.
    expect(polls).toBeLessThan(30);
    server.receive(GROUP, 'News!');
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'News!'], 'News!']));
    expect(server.handshakes).toEqual([]);
  });

  test('that is blocked, the log is polled, and the socket is used as soon as it is there', async () => {
    server.hasSocket = false;
    const { texts, client } = await open();
    server.receive(GROUP, 'Polled');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Polled']));
    expect(client.connectivity.isTroubled()).toBe(false);
    server.hasSocket = true;
    await eventually(() => expect(server.connections).toHaveLength(1));
    await settled();
    const before = server.requests.length;
    server.receive(GROUP, 'Pushed');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'Polled', 'Pushed']));
    expect(server.requests).toHaveLength(before);
  });

  test('in Node without a WebSocket, the log is polled', async () => {
    const client = create();
    const polling = new MessagesClient({
      url: server.url,
      websocketUrl: server.websocketUrl,
      user: 'me',
      store: memoryStore(),
      credentials: () => Promise.resolve('token'),
      timing: TIMING,
    });
    ends.push(polling.inbox.subscribe(() => undefined));
    await eventually(() => expect(server.count('GET /api/events')).toBeGreaterThan(3));
    expect(server.handshakes.length === 0 || globalThis.WebSocket !== undefined).toBe(true);
    client.close();
  });

  test('and without a log, the lists are loaded again and again', async () => {
    server.hasLog = false;
    server.hasSocket = false;
    const client = create({ websocketUrl: null });
    ends.push(client.inbox.subscribe(() => undefined));
    await eventually(() => expect(server.count('GET /api/message_groups')).toBeGreaterThan(5));
    expect(server.count('GET /api/events')).toBe(1);
    server.receive(GROUP, 'News!');
    await eventually(() => expect(client.inbox.state().value?.rows[0]?.message).toBe('News!'));
  });

  test('and with a log that cannot be read, the lists are loaded at each attempt', async () => {
    server.failure = 503;
    server.hasSocket = false;
    const client = create();
    ends.push(client.inbox.subscribe(() => undefined));
    await eventually(() => expect(client.inbox.state().value).toBeDefined());
    server.receive(GROUP, 'News!');
    await vi.waitFor(
      () => {
        client.reconnect();
        expect(client.inbox.state().value?.rows[0]?.message).toBe('News!');
      },
      { timeout: 10_000, interval: 200 },
    );
  });

  test('failing requests are trouble, until one succeeds', async () => {
    const { client } = await open({ websocketUrl: null });
    server.failure = 503;
    for (const _ of [1, 2]) {
      client.reconnect();
      // oxlint-disable-next-line no-await-in-loop
      await settled();
    }
    await eventually(() => expect(client.connectivity.isTroubled()).toBe(true));
    server.failure = null;
    client.reconnect();
    await eventually(() => expect(client.connectivity.isTroubled()).toBe(false));
  });
});

describe('the position in the log', () => {
  test('is stored: a new page loads each list once', async () => {
    const store = memoryStore();
    const first = await open({ store });
    server.receive(GROUP, 'News!');
    await eventually(() => expect(first.texts()).toEqual(['Hello!', 'News!']));
    first.close();
    await settled();
    const before = server.requests.length;
    const { texts } = await open({ store });
    await settled();
    expect(texts()).toEqual(['Hello!', 'News!']);
    expect(server.requests.slice(before).filter((request) => !request.endsWith('events')).toSorted()).toEqual([
      'GET /api/message_groups',
      `GET /api/messages/${GROUP}`,
    ]);
    expect(server.cursors.at(-1)).not.toBeNull();
  });

  test('of a first visit is the end of the log, and lists that were loaded before are loaded again', async () => {
    const client = create();
    const end = client.inbox.subscribe(() => undefined);
    ends.push(end);
    await eventually(() => expect(server.count('GET /api/message_groups')).toBe(1));
    // Not in the inbox, and before the end of the log.
    server.receive(SECOND, 'In between');
    await eventually(() => expect(client.inbox.state().value?.rows).toHaveLength(2));
    expect(server.cursors[0]).toBeNull();
  });

  test('that has expired is replaced by the end, and then everything is loaded', async () => {
    const { texts, preview } = await open();
    server.pushes = false;
    server.cut();
    for (const text of ['One', 'Two', 'Three']) {
      server.receive(GROUP, text);
    }
    server.expired = server.log.length;
    const before = server.requests.length;
    await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'One', 'Two', 'Three'], 'Three']));
    expect(server.requests.slice(before, before + 2)).toEqual(['GET /api/events', 'GET /api/events']);
    expect(server.cursors.slice(-3)).toContain(null);
  });

  test('that is far behind is replaced by the end, and own messages before the loaded part leave the outbox', async () => {
    const { client, texts } = await open();
    server.failure = 503;
    server.cut();
    server.hasSocket = false;
    server.pushes = false;
    client.send({ kind: 'group', uuid: GROUP }, 'Mine');
    await eventually(() => expect(client.outbox.entries()[0]?.state.name).toBe('sent'));
    for (let index = 0; index < 700; index += 1) {
      server.receive(GROUP, `Message ${index}`);
    }
    const before = server.cursors.length;
    server.failure = null;
    client.reconnect();
    await eventually(() => expect(texts()?.at(-1)).toBe('Message 699'));
    await settled();
    expect(server.cursors.slice(before, before + 7)).toContain(null);
    expect(texts()?.length).toBeGreaterThan(100);
    expect(texts()).not.toContain('Mine');
    await eventually(() => expect(client.outbox.entries()).toEqual([]));
  });

  test('that cannot be parsed is replaced by the end', async () => {
    const store = memoryStore();
    store.set('cruddur.cursor.me', cursorOf(1));
    const { texts } = await open({ store });
    server.receive(GROUP, 'News!');
    await eventually(() => expect(texts()).toEqual(['Hello!', 'News!']));
  });
});

/** A store that outlives the page. */
function sharedStore(): Store {
  const store = memoryStore();
  return { ...store, get: (key) => store.get(key), keys: (prefix) => store.keys(prefix), remove: (key) => store.remove(key), subscribe: () => () => undefined, set: (key, value) => (store.set(key, value), true) };
}

describe('the tabs of a browser', () => {
  test('share a connection, and the next tab opens one when the first is closed', async () => {
    const tabs = new FakeTabs();
    const store = sharedStore();
    const first = await open({ store, tabs: tabs.tab() });
    const second = await open({ store, tabs: tabs.tab() });
    const third = await open({ store, tabs: tabs.tab() });
    expect(server.handshakes).toHaveLength(1);
    const before = server.requests.length;
    server.receive(GROUP, 'To all');
    for (const { texts, preview } of [first, second, third]) {
      // oxlint-disable-next-line no-await-in-loop
      await eventually(() => expect([texts(), preview()]).toEqual([['Hello!', 'To all'], 'To all']));
    }
    expect(server.requests).toHaveLength(before);

    first.close();
    server.receive(GROUP, 'During the change');
    await eventually(() => expect(server.handshakes).toHaveLength(2));
    server.receive(GROUP, 'After the change');
    for (const { texts } of [second, third]) {
      // oxlint-disable-next-line no-await-in-loop
      await eventually(() => expect(texts()).toEqual(['Hello!', 'To all', 'During the change', 'After the change']));
    }
    expect(server.connections).toHaveLength(1);
    expect(new Set(server.handshakes.map(([, device]) => device)).size).toBe(1);
  });

  test('take over from a tab that the browser has frozen', async () => {
    const tabs = new FakeTabs();
    const store = sharedStore();
    let isFrozen = false;
    await open({ store, tabs: tabs.tab(() => isFrozen) });
    const second = await open({ store, tabs: tabs.tab() });
    isFrozen = true;
    second.client.connectivity.setVisible(true);
    await eventually(() => expect(server.handshakes).toHaveLength(2));
    await settled();
    const before = server.requests.length;
    server.receive(GROUP, 'News!');
    await eventually(() => expect(second.texts()).toEqual(['Hello!', 'News!']));
    expect(server.requests).toHaveLength(before);
  });

  test('of two persons have a connection each', async () => {
    const tabs = new FakeTabs();
    const store = sharedStore();
    await open({ store, tabs: tabs.tab() });
    await open({ store, tabs: tabs.tab(), user: 'somebody-else', credentials: () => Promise.resolve('another') });
    await eventually(() => expect(server.connections).toHaveLength(2));
    expect(new Set(server.handshakes.map(([, device]) => device)).size).toBe(2);
  });

  test('without locks have a connection each, with a device each', async () => {
    const store = sharedStore();
    const first = await open({ store, tabs: null });
    const second = await open({ store, tabs: null });
    await eventually(() => expect(server.connections).toHaveLength(2));
    server.receive(GROUP, 'News!');
    for (const { texts } of [first, second]) {
      // oxlint-disable-next-line no-await-in-loop
      await eventually(() => expect(texts()).toEqual(['Hello!', 'News!']));
    }
  });
});

test.each([1, 2, 3])('with lost, doubled and late frames and cut connections, every client has every message (seed %d)', { timeout: 60_000 }, async (seed) => {
  const random = generator(seed);
  server.onFrame = (send) => {
    const fate = random();
    if (fate > 0.1) {
      setTimeout(send, fate > 0.6 ? 0 : random() * 60);
    }
    if (fate > 0.9) {
      setTimeout(send, random() * 60);
    }
  };
  const opened = [await open(), await open({ timing: { catchUp: 300 } }), await open({ websocketUrl: null })];
  for (let index = 0; index < 200; index += 1) {
    const place = random() < 0.2 ? SECOND : GROUP;
    if (random() < 0.2) {
      opened[index % 3]?.client.send({ kind: 'group', uuid: place }, `Own ${index}`);
    } else {
      server.receive(place, `Message ${index}`);
    }
    if (random() < 0.05) {
      server.cut();
    }
    // oxlint-disable-next-line no-await-in-loop
    await pause(random() * 20);
  }
  const stored = (group: string) => server.groups.get(group)?.messages.map(({ message }) => message) ?? [];
  await eventually(() => expect(stored(GROUP).length + stored(SECOND).length).toBe(201));
  server.onFrame = null;
  server.receive(SECOND, 'The end');
  for (const { client, texts, preview } of opened) {
    const second = client.thread(SECOND);
    ends.push(second.subscribe(() => undefined));
    // oxlint-disable-next-line no-await-in-loop
    await eventually(() => {
      expect(texts()).toEqual(stored(GROUP));
      expect(second.state().value?.rows.map(({ message }) => message)).toEqual(stored(SECOND).slice(-(second.state().value?.rows.length ?? 0)));
      expect([preview(), client.inbox.state().value?.rows.map(({ message }) => message)]).toEqual([
        'The end',
        ['The end', stored(GROUP).at(-1)],
      ]);
    });
  }
});

/** Numbers from 0 to 1 that depend on the seed only. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}
