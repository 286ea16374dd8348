// @vitest-environment node
import { beforeEach, describe, expect, test } from 'vitest';
import { uuid } from '../../../../app/src/testing/fake-stack.ts';
import type { Message, MessageGroup, ShownGroup } from '../api/types.ts';
import { MessagesClient } from '../client.ts';
import { memoryStore } from '../storage/safe-storage.ts';
import { stateOf } from './state.ts';

const GROUP = uuid(501);
const OTHER = { user_uuid: uuid(2), handle: 'scarlett', display_name: 'Scarlett Ho' };
const LIST = 'GET /api/message_groups?limit=30';
const THREAD = `GET /api/messages/${GROUP}?limit=30`;
const SHOW = `GET /api/message_groups/${GROUP}`;
const PATCH = `PATCH /api/message_groups/${GROUP}`;

const at = (minute: number) => `2026-11-22T09:${String(minute).padStart(2, '0')}:00.000000Z`;
const message = (minute: number): Message => ({ uuid: uuid(minute), ...OTHER, message: `At ${minute}`, created_at: at(minute) });
const row = (minute: number): MessageGroup => ({
  uuid: GROUP,
  ...OTHER,
  message: `At ${minute}`,
  created_at: at(minute),
  from_me: false,
  unread_count: 1,
});
const shown = (minute: number, settings: Partial<ShownGroup>): ShownGroup => ({ ...row(minute), members: [], ...settings });

let client: MessagesClient;
/** The responses by method and path. */
let responses: Map<string, () => Response | Promise<Response>>;

beforeEach(async () => {
  const older = { Link: `</api/messages/${GROUP}?limit=30&cursor=older>; rel="next"` };
  responses = new Map<string, () => Response>([
    [LIST, () => Response.json([row(12)])],
    [THREAD, () => Response.json([message(11), message(12)], { headers: older })],
    [`${THREAD}&cursor=older`, () => Response.json([message(10)])],
    [SHOW, () => Response.json(shown(12, {}))],
    [PATCH, () => new Response(null, { status: 204 })],
  ]);
  client = new MessagesClient({
    url: '',
    user: 'me',
    store: memoryStore(),
    credentials: () => Promise.resolve('token'),
    fetch: async (path, { method = 'GET' } = {}) => (await responses.get(`${method} ${String(path)}`)?.()) ?? new Response(null, { status: 404 }),
  });
  await client.inbox.refresh();
  await client.thread(GROUP).refresh();
});

/** Holds the next response to a request until the returned function is called. */
function hold(request: string): () => void {
  const respond = responses.get(request);
  let release: (() => void) | undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  responses.set(request, async () => {
    // As it was at the time of the request.
    const response = await respond?.();
    await released;
    return response ?? new Response(null, { status: 404 });
  });
  return () => release?.();
}

const settings = () => stateOf(client).settings;
const texts = () => client.thread(GROUP).state().value?.rows.map(({ message: text }) => text);
const listed = () => client.inbox.state().value?.rows ?? [];
const refuse = () => responses.set(PATCH, () => Response.json(['user_not_provisioned'], { status: 403 }));

describe('a cleared conversation', () => {
  test('does not get its messages back from responses that are older', async () => {
    const releases = [THREAD, `${THREAD}&cursor=older`, LIST].map(hold);
    const loading = [client.thread(GROUP).refresh(), client.thread(GROUP).loadMore(), client.inbox.refresh()];
    const cleared = settings().clear(GROUP);
    expect([texts(), client.thread(GROUP).state().value?.next]).toEqual([[], null]);
    await cleared;
    for (const release of releases) {
      release();
    }
    await Promise.all(loading);
    expect(texts()).toEqual([]);
    expect(listed()).toEqual([{ ...row(12), message: '', unread_count: 0 }]);
    client.thread(GROUP).add([message(12), message(13)]);
    client.inbox.add([row(13)]);
    expect([texts(), listed()[0]?.message]).toEqual([['At 13'], 'At 13']);
  });

  test('gets its messages and the older ones back if the request fails', async () => {
    refuse();
    const release = hold(PATCH);
    const cleared = settings().clear(GROUP);
    client.thread(GROUP).add([message(13)]);
    release();
    await expect(cleared).rejects.toThrow('403');
    expect(listed()).toEqual([row(12)]);
    await client.thread(GROUP).loadMore();
    expect(texts()).toEqual(['At 10', 'At 11', 'At 12', 'At 13']);
  });

  test('loses a deleted preview, and the messages up to the time of the server', async () => {
    client.inbox.add([{ ...row(12), message: '', version: 2, deleted_at: at(13) }]);
    client.thread(GROUP).add([message(14)]);
    responses.set(SHOW, () => Response.json(shown(12, { message: '', unread_count: 0, version: 2, cleared_until: at(12) })));
    const end = client.inbox.subscribe(() => undefined);
    stateOf(client).groups.settingsChanged(GROUP);
    await expect.poll(texts).toEqual(['At 14']);
    expect(listed()).toEqual([{ ...row(12), message: '', version: 2, unread_count: 0 }]);
    end();
    client.close();
  });
});

test('a mute and its end outlast lists that do not show them yet', async () => {
  const release = hold(LIST);
  const loading = client.inbox.refresh();
  await settings().mute(GROUP, at(59));
  release();
  await loading;
  expect(listed()).toEqual([{ ...row(12), muted_until: at(59) }]);
  responses.set(LIST, () => Response.json([{ ...row(12), muted_until: at(59) }]));
  await settings().mute(GROUP, null);
  await client.inbox.refresh();
  expect(listed()).toEqual([row(12)]);
  refuse();
  await expect(settings().mute(GROUP, at(58))).rejects.toThrow('403');
  expect(listed()).toEqual([row(12)]);
});

test('a hidden group is left out of lists and of rows without a new message, until its next message', async () => {
  const hidden = settings().hide(GROUP);
  expect(listed()).toEqual([]);
  await hidden;
  await client.inbox.refresh();
  client.inbox.add([{ ...row(12), version: 2 }]);
  expect(listed()).toEqual([]);
  client.inbox.add([row(13)]);
  expect(listed()).toEqual([row(13)]);
});
