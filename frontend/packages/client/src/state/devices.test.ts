// @vitest-environment node
import { http, HttpResponse } from 'msw';
import { expect, test, vi } from 'vitest';
import { server } from '../../../../app/src/testing/fake-stack.ts';
import { MessagesClient } from '../client.ts';
import { memoryStore } from '../storage/safe-storage.ts';
import { signOutEverywhere } from './devices.ts';

/** Answers the sign-outs in order. Returns the number of their requests. */
function answer(...responses: Response[]): () => number {
  let count = 0;
  server.use(
    http.delete('http://localhost:3000/api/me/devices', () => {
      count += 1;
      return responses[count - 1];
    }),
  );
  return () => count;
}

const unauthenticated = () => HttpResponse.json({ message: 'Unauthorized' }, { status: 401 });

function open(...tokens: (string | null)[]): MessagesClient {
  const credentials = () => Promise.resolve(tokens.shift() ?? null);
  return new MessagesClient({ url: 'http://localhost:3000', user: 'me', store: memoryStore(), credentials });
}

test('a sign-out everywhere is repeated after a failure', async () => {
  const count = answer(HttpResponse.error(), new HttpResponse(null, { status: 204 }));
  const client = open('token');
  const ending = signOutEverywhere(client);
  await vi.waitFor(() => {
    client.reconnect();
    expect(count()).toBe(2);
  });
  await expect(ending).resolves.toBeUndefined();
});

test('a sign-out everywhere after the end of the session fails at once', async () => {
  const count = answer(unauthenticated());
  await expect(signOutEverywhere(open('token'))).rejects.toMatchObject({ status: 401 });
  expect(count()).toBe(1);
});
