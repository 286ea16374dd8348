// @vitest-environment node
import { afterEach, expect, test, vi } from 'vitest';
import { FakeStack } from '../../../app/src/testing/fake-stack.ts';
import { MessagesClient } from './client.ts';
import { memoryStore } from './storage/safe-storage.ts';

let client: MessagesClient;

afterEach(() => client.stop());

function open(tokens: (string | null)[]): MessagesClient {
  client = new MessagesClient({
    url: 'http://localhost:3000',
    user: 'me',
    store: memoryStore(),
    credentials: () => Promise.resolve(tokens.shift() ?? null),
  });
  client.start();
  return client;
}

test('in Node, a message that is sent is in the conversation and in the inbox', async () => {
  const stack = new FakeStack();
  const group = stack.addConversation('lore', ['lore', 'Hello!', Date.now() - 1000]);
  const thread = open(['token']).thread(group);
  const unsubscribe = [thread.subscribe(() => undefined), client.inbox.subscribe(() => undefined)];
  client.send({ kind: 'group', uuid: group }, 'How are you?');
  await vi.waitFor(() => {
    expect(thread.state().value?.rows.map(({ message }) => message)).toEqual(['Hello!', 'How are you?']);
    expect(client.inbox.state().value?.rows.map(({ message }) => message)).toEqual(['How are you?']);
  });
  for (const end of unsubscribe) {
    end();
  }
});

test('a token function that has no other token ends the session, until the session is open again', async () => {
  const stack = new FakeStack();
  stack.failure = { status: 401 };
  open(['token', null]);
  const unsubscribe = client.inbox.subscribe(() => undefined);
  await vi.waitFor(() => expect(client.session()).toBe('ended'));
  expect(stack.tokens).toEqual(['Bearer token']);
  stack.failure = null;
  unsubscribe();
});
