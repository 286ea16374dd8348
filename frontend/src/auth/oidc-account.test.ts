import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import { server } from '../testing/fake-stack.ts';
import { CONFIG } from '../testing/render-app.tsx';
import { OidcAccount } from './oidc-account.ts';

const HOME = 'http://localhost:3000/';

let grants: URLSearchParams[];

beforeEach(() => {
  grants = [];
  server.use(
    http.get(`${CONFIG.authority}/.well-known/openid-configuration`, () =>
      HttpResponse.json({ issuer: CONFIG.authority, token_endpoint: `${CONFIG.authority}/token` }),
    ),
  );
  keep({});
});

/** A session as a window keeps it. */
function keep(change: object): void {
  const session = {
    access_token: 'first',
    refresh_token: 'refresh',
    token_type: 'Bearer',
    scope: 'openid',
    profile: { sub: 'sub-1', preferred_username: 'sunyoung', name: 'Sunyoung Lee' },
    expires_at: Math.floor(Date.now() / 1000) + 3600,
    ...change,
  };
  sessionStorage.setItem(`oidc.user:${CONFIG.authority}:${CONFIG.clientId}`, JSON.stringify(session));
}

/** The issuer's answer to a refresh token. */
function answering(answer: () => Response): void {
  server.use(
    http.post(`${CONFIG.authority}/token`, async ({ request }) => {
      grants.push(new URLSearchParams(await request.text()));
      return answer();
    }),
  );
}

async function opened(search = ''): Promise<{ account: OidcAccount; path: string | null }> {
  const account = new OidcAccount(CONFIG, HOME);
  window.history.replaceState(null, '', search === '' ? '/' : `/callback${search}`);
  return { account, path: await account.open(window.location) };
}

describe('an account of an issuer', () => {
  test('is read from the window', async () => {
    const { account } = await opened();
    expect(account.state().person).toEqual({ id: 'sub-1', handle: 'sunyoung', name: 'Sunyoung Lee' });
    expect(account.token()).toBe('first');
  });

  test('renews with the refresh token, once for all who ask at the same time', async () => {
    answering(() => HttpResponse.json({ access_token: 'second', token_type: 'Bearer', expires_in: 3600 }));
    const { account } = await opened();
    await expect(Promise.all([account.renew(), account.renew()])).resolves.toEqual(['renewed', 'renewed']);
    expect(grants.map((grant) => [grant.get('grant_type'), grant.get('refresh_token')])).toEqual([
      ['refresh_token', 'refresh'],
    ]);
    expect(account.token()).toBe('second');
    // An issuer that sends no new refresh token means the old one.
    await account.renew();
    expect(grants.at(-1)?.get('refresh_token')).toBe('refresh');
  });

  test('tells a refusal from an issuer that is away', async () => {
    answering(() => HttpResponse.json({ error: 'invalid_grant' }, { status: 400 }));
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    answering(() => HttpResponse.error());
    await expect(account.renew()).resolves.toBe('unreachable');
  });

  test('can not renew without a refresh token', async () => {
    keep({ refresh_token: undefined });
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    expect(grants).toEqual([]);
  });

  test('gives no token that has expired', async () => {
    keep({ expires_at: 1 });
    const { account } = await opened();
    expect(account.token()).toBeUndefined();
    expect(account.state().person?.handle).toBe('sunyoung');
  });

  test('says why when a sign-in comes back that this window did not begin', async () => {
    sessionStorage.clear();
    const { account, path } = await opened('?code=abc&state=unknown');
    expect(path).toBe('/messages');
    expect(account.state()).toEqual({
      person: null,
      lapsed: false,
      problem: 'It was begun in another window, or too long ago. Try again.',
    });
  });

  test('is forgotten when one signs out, even where the issuer knows no revocation', async () => {
    const { account } = await opened();
    await account.signOut();
    expect([account.state().person, sessionStorage.length]).toEqual([null, 0]);
  });
});
