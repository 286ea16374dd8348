import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeAccount } from '../../../../app/src/testing/fake-account.ts';
import { FakeStack, server } from '../../../../app/src/testing/fake-stack.ts';
import { Api } from './api.ts';

let account: FakeAccount;
let api: Api;

beforeEach(() => {
  account = new FakeAccount();
  api = new Api('http://localhost:3000', account);
});

/** Makes the API accept this token only. Returns the `Authorization` headers it receives. */
function acceptOnly(token: string): string[] {
  const seen: string[] = [];
  server.use(
    http.get('http://localhost:3000/api/message_groups', ({ request }) => {
      const header = request.headers.get('Authorization') ?? '';
      seen.push(header);
      return header === `Bearer ${token}` ? HttpResponse.json([]) : HttpResponse.json({}, { status: 401 });
    }),
  );
  return seen;
}

describe('the API client', () => {
  test('renews a rejected token once and repeats the request', async () => {
    const seen = acceptOnly('second-token');
    account.renewal = 'renewed';
    await expect(api.listGroups(null)).resolves.toEqual({ rows: [], next: null });
    expect(seen).toEqual(['Bearer first-token', 'Bearer second-token']);
    expect(account.state().lapsed).toBe(false);
  });

  test('ends the session if the API rejects the renewed token too', async () => {
    const seen = acceptOnly('another');
    account.renewal = 'renewed';
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 401 });
    expect(seen).toHaveLength(2);
    expect(account.state().lapsed).toBe(true);
  });

  test('keeps the session if the issuer is unreachable', async () => {
    acceptOnly('another');
    account.renewal = 'unreachable';
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
    expect(account.state().lapsed).toBe(false);
  });

  test('treats a response that is not JSON as no response', async () => {
    server.use(http.get('http://localhost:3000/api/message_groups', () => HttpResponse.html('<h1>Wi-Fi</h1>')));
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
  });

  test('treats JSON of another shape as no response', async () => {
    server.use(http.get('http://localhost:3000/api/message_groups', () => HttpResponse.json([{ uuid: 7 }])));
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
  });

  test('follows the cursors from page to page', async () => {
    const stack = new FakeStack();
    const texts = Array.from({ length: 40 }, (_, index): [string, string, number] => ['scarlett', `${index}`, index]);
    const group = stack.addConversation('scarlett', ...texts);
    const first = await api.listMessages(group, null);
    const second = await api.listMessages(group, first.next);
    expect([...second.rows, ...first.rows].map(({ message }) => message)).toEqual(texts.map(([, text]) => text));
    expect(second.next).toBeNull();
  });

  test('distinguishes an unknown user from a 404 of the gateway', async () => {
    const stack = new FakeStack();
    await expect(api.findUser('nobody')).resolves.toBeNull();
    await expect(api.findUser('LORE')).resolves.toEqual(stack.users[2]);
    server.use(
      http.get('http://localhost:3000/api/users/:handle/short', () =>
        HttpResponse.json({ message: 'Not Found' }, { status: 404 }),
      ),
    );
    await expect(api.findUser('lore')).rejects.toMatchObject({ status: 404, codes: [] });
  });

  test('sends no token with the public operation', async () => {
    let header: string | null = 'none';
    server.use(
      http.get('http://localhost:3000/api/users/:handle/short', ({ request }) => {
        header = request.headers.get('Authorization');
        return HttpResponse.json(['user_not_found'], { status: 404 });
      }),
    );
    await api.findUser('lore');
    expect(header).toBeNull();
  });
});
