import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeAccount } from '../testing/fake-account.ts';
import { FakeStack, server } from '../testing/fake-stack.ts';
import { Api } from './client.ts';

let account: FakeAccount;
let api: Api;

beforeEach(() => {
  account = new FakeAccount();
  api = new Api('http://localhost:3000', account);
});

/** The API takes only this token. */
function accepting(token: string): string[] {
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

describe('the client of the API', () => {
  test('renews a token that is not accepted, once, and asks again', async () => {
    const seen = accepting('second-token');
    account.renewal = 'renewed';
    await expect(api.listGroups(null)).resolves.toEqual({ rows: [], next: null });
    expect(seen).toEqual(['Bearer first-token', 'Bearer second-token']);
    expect(account.state().lapsed).toBe(false);
  });

  test('gives the session up when the renewed token is not accepted either', async () => {
    const seen = accepting('another');
    account.renewal = 'renewed';
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 401 });
    expect(seen).toHaveLength(2);
    expect(account.state().lapsed).toBe(true);
  });

  test('keeps the session when the issuer merely can not be reached', async () => {
    accepting('another');
    account.renewal = 'unreachable';
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
    expect(account.state().lapsed).toBe(false);
  });

  test('takes a page that is no JSON for no answer', async () => {
    server.use(http.get('http://localhost:3000/api/message_groups', () => HttpResponse.html('<h1>Wi-Fi</h1>')));
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
  });

  test('takes JSON of another shape for no answer', async () => {
    server.use(http.get('http://localhost:3000/api/message_groups', () => HttpResponse.json([{ uuid: 7 }])));
    await expect(api.listGroups(null)).rejects.toMatchObject({ status: 0 });
  });

  test('follows the pages by their cursors', async () => {
    const stack = new FakeStack();
    const texts = Array.from({ length: 40 }, (_, index): [string, string, number] => ['scarlett', `${index}`, index]);
    const group = stack.converse('scarlett', ...texts);
    const first = await api.listMessages(group, null);
    const second = await api.listMessages(group, first.next);
    expect([...second.rows, ...first.rows].map(({ message }) => message)).toEqual(texts.map(([, text]) => text));
    expect(second.next).toBeNull();
  });

  test('tells a user that does not exist from an answer of the gateway', async () => {
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

  test('sends no token with the public call', async () => {
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
