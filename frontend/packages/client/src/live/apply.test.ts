// @vitest-environment node
import { expect, test, vi } from 'vitest';
import { FakeStack, instant } from '../../../../app/src/testing/fake-stack.ts';
import { MessagesClient } from '../client.ts';
import { stateOf } from '../state/state.ts';
import { memoryStore } from '../storage/safe-storage.ts';
import { applyBatch } from './apply.ts';

test('the name in a new message replaces the known one everywhere, and that in an older message does not', async () => {
  const stack = new FakeStack();
  const now = Date.now();
  const group = stack.addConversation('lore', ['lore', 'Hello!', now - 1000]);
  const client = new MessagesClient({
    url: 'http://localhost:3000',
    user: 'me',
    store: memoryStore(),
    credentials: () => Promise.resolve('token'),
  });
  client.start();
  const state = stateOf(client);
  const [thread, shown] = [client.thread(group), state.groups.get(group)];
  const ends = [client.inbox, thread, shown, client.me].map(({ subscribe }) => subscribe(() => undefined));
  await vi.waitFor(() => {
    const lists = [client.inbox, thread, shown, client.me];
    expect(lists.map((list) => list.state().value === undefined)).toEqual([false, false, false, false]);
  });
  const receive = (name: string, at: number) => {
    const message = { ...stack.message('lore', name, at), display_name: name };
    const { user_uuid, handle } = message;
    applyBatch(
      { client, state, removeListed: () => undefined },
      {
        events: [{ number: 1, cursor: 'cursor', type: 'message', message_group_uuid: group, message_uuids: [message.uuid], at: instant(at) }],
        messages: new Map([[message.uuid, message]]),
        groups: new Map([[group, { uuid: group, user_uuid, handle, display_name: name, message: name, created_at: message.created_at }]]),
      },
    );
  };
  const names = () => [
    client.inbox.state().value?.rows.map(({ display_name: name }) => name),
    thread.state().value?.rows.map(({ display_name: name }) => name),
    shown.state().value?.display_name,
  ];
  receive('New', now);
  expect(names()).toEqual([['New'], ['New', 'New'], 'New']);
  receive('Old', now - 500);
  expect(names()).toEqual([['New'], ['New', 'New', 'New'], 'New']);
  // The server caches names for a minute.
  await Promise.all([client.inbox.invalidate(), shown.invalidate()]);
  expect([client.inbox.state().value?.rows[0]?.display_name, shown.state().value?.display_name]).toEqual(['New', 'New']);
  for (const end of ends) {
    end();
  }
  client.stop();
});
