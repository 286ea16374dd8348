import { http, HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { server } from '../testing/fake-stack.ts';
import { CONFIG } from '../testing/render-app.tsx';
import { token } from '../testing/tokens.ts';
import { credentialsOf } from './account.ts';
import { OidcAccount } from './oidc-account.ts';

const HOME = 'http://localhost:3000/';
const KEY = `oidc.user:${CONFIG.authority}:${CONFIG.clientId}`;
const CLAIMS = {
  sub: 'sub-1',
  iss: CONFIG.authority,
  aud: CONFIG.clientId,
  auth_time: 1000,
  preferred_username: 'sunyoung',
  name: 'Sunyoung Lee',
};

let grants: URLSearchParams[];
let revoked: string[];
let open: OidcAccount[];

beforeEach(() => {
  grants = [];
  revoked = [];
  open = [];
  server.use(
    http.get(`${CONFIG.authority}/.well-known/openid-configuration`, () =>
      HttpResponse.json({
        issuer: CONFIG.authority,
        authorization_endpoint: `${CONFIG.authority}/authorize`,
        token_endpoint: `${CONFIG.authority}/token`,
        revocation_endpoint: `${CONFIG.authority}/revoke`,
      }),
    ),
    http.post(`${CONFIG.authority}/revoke`, async ({ request }) => {
      revoked.push(new URLSearchParams(await request.text()).get('token') ?? '');
      return new HttpResponse();
    }),
  );
  keep({});
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const account of open) {
    account.close();
  }
});

/** A session as a browser keeps it. */
function keep(change: object, storage = localStorage): void {
  const session = {
    access_token: 'first',
    refresh_token: 'refresh',
    id_token: token(CLAIMS),
    token_type: 'Bearer',
    scope: 'openid',
    profile: CLAIMS,
    expires_at: Math.floor(Date.now() / 1000) + 3600,
    ...change,
  };
  storage.setItem(KEY, JSON.stringify(session));
}

const kept = () => JSON.parse(localStorage.getItem(KEY) ?? 'null') as Record<string, unknown>;

/** The issuer's answer to a refresh token. */
function answering(answer: () => Response | Promise<Response>): void {
  server.use(
    http.post(`${CONFIG.authority}/token`, async ({ request }) => {
      grants.push(new URLSearchParams(await request.text()));
      return await answer();
    }),
  );
}

/** A good answer. */
function tokens(change: object = {}) {
  return HttpResponse.json({
    access_token: `access ${grants.length}`,
    id_token: token({ ...CLAIMS, name: 'Sunyoung Kim' }),
    token_type: 'Bearer',
    expires_in: 3600,
    ...change,
  });
}

async function opened(search = ''): Promise<{ account: OidcAccount; path: string | null }> {
  const account = new OidcAccount(CONFIG, HOME);
  open.push(account);
  window.history.replaceState(null, '', search === '' ? '/' : `/callback${search}`);
  return { account, path: await account.open(window.location) };
}

/** What the browser tells the other tabs. */
const told = (key: string | null = KEY) => window.dispatchEvent(new StorageEvent('storage', { key }));

describe('an account of an issuer', () => {
  test('is read from the browser', async () => {
    const { account } = await opened();
    expect(account.state().person).toEqual({ id: 'sub-1', handle: 'sunyoung', name: 'Sunyoung Lee' });
    expect(account.token()).toBe('first');
  });

  test('of this tab alone comes before that of the browser', async () => {
    keep({ access_token: 'of this tab' }, sessionStorage);
    expect((await opened()).account.token()).toBe('of this tab');
  });

  test('renews with the refresh token, once for all who ask at the same time', async () => {
    answering(() => tokens());
    const { account } = await opened();
    await expect(Promise.all([account.renew(), account.renew()])).resolves.toEqual(['renewed', 'renewed']);
    expect(grants.map((grant) => Object.fromEntries(grant))).toEqual([
      { grant_type: 'refresh_token', client_id: 'client', refresh_token: 'refresh' },
    ]);
    expect(account.token()).toBe('access 1');
    expect(account.state().person?.name).toBe('Sunyoung Kim');
    // An issuer that sends no new refresh token means the old one.
    await account.renew();
    expect(grants.at(-1)?.get('refresh_token')).toBe('refresh');
  });

  test('keeps a rotated refresh token', async () => {
    answering(() => tokens({ refresh_token: `refresh ${grants.length}` }));
    const { account } = await opened();
    await account.renew();
    await account.renew();
    expect(grants.map((grant) => grant.get('refresh_token'))).toEqual(['refresh', 'refresh 1']);
    expect(kept()).toMatchObject({ access_token: 'access 2', refresh_token: 'refresh 2' });
  });

  test('renews by itself before the token ends', async () => {
    answering(() => tokens());
    keep({ expires_at: Math.floor(Date.now() / 1000) + 2 });
    const { account } = await opened();
    await vi.waitFor(() => expect(account.token()).toBe('access 1'), 4000);
  });

  test.each<[string, number, string | object]>([
    ['a refused grant', 400, { error: 'invalid_grant' }],
    ['an unknown client', 401, { error: 'invalid_client' }],
    ['a client that may not', 400, { error: 'unauthorized_client' }],
    ['a refusal that a wrong status hides', 200, { error: 'invalid_grant' }],
    ['another authentication time', 200, { access_token: 'a', id_token: token({ ...CLAIMS, auth_time: 1001 }) }],
    ['another person', 200, { access_token: 'a', id_token: token({ ...CLAIMS, sub: 'sub-2' }) }],
    ['an id token without a person', 200, { access_token: 'a', id_token: token({ auth_time: 1000 }) }],
    ['an id token that is none', 200, { access_token: 'a', id_token: 'none' }],
    ['no access token', 200, { token_type: 'Bearer' }],
    ['an access token that is no text', 200, { access_token: 7 }],
    ['a token of another type', 200, { access_token: 'a', token_type: 'DPoP' }],
    ['nothing', 200, '{}'],
    ['a list', 200, '[]'],
  ])('needs a new sign-in after %s, and loses nothing before', async (_, status, body) => {
    answering(() => answerOf(status, body));
    const { account } = await opened();
    const before = localStorage.getItem(KEY);
    await expect(account.renew()).resolves.toBe('refused');
    expect([account.state().person?.id, localStorage.getItem(KEY)]).toEqual(['sub-1', before]);
  });

  test.each<[string, number, string | object]>([
    ['a server error', 500, { error: 'server_error' }],
    ['an issuer that is away for a while', 503, { error: 'temporarily_unavailable' }],
    ['too many requests', 429, { error: 'too_many_requests' }],
    ['a refusal with a status that passes', 503, { error: 'invalid_grant' }],
    ['a limit that calls itself a refusal', 429, { error: 'invalid_client' }],
    ['an error that nobody knows', 400, { error: 'slow_down' }],
    ['an error of a gateway', 403, { message: 'Forbidden' }],
    ['the page of a proxy', 502, '<html>Bad gateway</html>'],
    ['the page of a network that wants a sign-in', 200, '<html>Welcome to the train</html>'],
    ['an empty answer', 200, ''],
    ['half an answer', 200, '{"access_token": "a'],
  ])('tries again after %s', async (_, status, body) => {
    answering(() => answerOf(status, body));
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('unreachable');
    answering(() => tokens());
    window.dispatchEvent(new Event('online'));
    await expect(account.renew()).resolves.toBe('renewed');
  });

  test('tries again after a network error, and when the issuer can not be found', async () => {
    answering(() => HttpResponse.error());
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('unreachable');
    const discovery = http.get(`${CONFIG.authority}/.well-known/openid-configuration`, () => HttpResponse.error());
    server.use(discovery);
    const { account: other } = await opened();
    await expect(other.renew()).resolves.toBe('unreachable');
  });

  test.each([
    ['1', 900, 1100],
    ['99999999999999999999', 59_000, 60_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 59_000, 60_000],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 400, 1000],
  ])('pauses between failures: Retry-After: %s', async (retryAfter, least, most) => {
    answering(() => HttpResponse.json({}, { status: 429, headers: { 'Retry-After': retryAfter } }));
    const { account } = await opened();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    await account.renew();
    clock.mockReturnValue(least);
    await expect(account.renew()).resolves.toBe('unreachable');
    expect(grants).toHaveLength(1);
    clock.mockReturnValue(most);
    await account.renew();
    expect(grants).toHaveLength(2);
  });

  test('can not renew without a refresh token', async () => {
    keep({ refresh_token: undefined });
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    expect(grants).toEqual([]);
  });

  test('gives no token that has expired', async () => {
    answering(() => HttpResponse.error());
    keep({ expires_at: 1 });
    const { account } = await opened();
    expect(account.token()).toBeUndefined();
    expect(account.state().person?.handle).toBe('sunyoung');
    await account.renew();
    expect(account.state().troubled).toBe(true);
    answering(() => tokens());
    window.dispatchEvent(new Event('online'));
    await account.renew();
    expect([account.state().troubled, account.token()]).toEqual([undefined, 'access 2']);
  });

  test.each(['1e300', '99999999999999'])('does not renew at once a token that lives until %s', async (expiresAt) => {
    localStorage.setItem(KEY, JSON.stringify({ ...kept(), expires_at: Number(expiresAt) }));
    const timer = vi.spyOn(globalThis, 'setTimeout');
    await opened();
    expect(timer.mock.calls.map(([, wait]) => wait)).toContain(2 ** 31 - 1);
  });

  test('says why when a sign-in comes back that this window did not begin', async () => {
    localStorage.clear();
    const { account, path } = await opened('?code=abc&state=unknown');
    expect(path).toBe('/messages');
    expect(account.state()).toEqual({
      person: null,
      lapsed: false,
      problem: 'It was begun in another window, or too long ago. Try again.',
    });
  });

  test('is forgotten when one signs out, even where the issuer knows no revocation', async () => {
    server.use(http.post(`${CONFIG.authority}/revoke`, () => new HttpResponse(null, { status: 404 })));
    const { account } = await opened();
    await account.signOut();
    expect([account.state().person, localStorage.getItem(KEY)]).toEqual([null, null]);
  });

  test('has its refresh token revoked when one signs out', async () => {
    const { account } = await opened();
    await account.signOut();
    expect(revoked).toEqual(['refresh']);
  });

  test.each([
    ['no JSON', '{"access_token"'],
    ['no object', '7'],
    ['no token', '{"profile":{"sub":"sub-1"}}'],
    ['nobody', '{"access_token":"a","profile":{}}'],
    ['a name that is none', '{"access_token":"a","profile":{"sub":"sub-1","preferred_username":7,"name":{}}}'],
    ['an end that is none', '{"access_token":"a","profile":{"sub":"sub-1"},"expires_at":"soon","refresh_token":7}'],
  ])('is not stopped by a kept session with %s', async (_, json) => {
    localStorage.setItem(KEY, json);
    const { account } = await opened();
    const { person } = account.state();
    expect([null, '']).toContain(person && person.handle);
  });
});

describe('the tabs of a browser', () => {
  test('spend a refresh token once', async () => {
    answering(() => tokens({ refresh_token: `refresh ${grants.length}` }));
    const [one, two] = [(await opened()).account, (await opened()).account];
    await expect(Promise.all([one.renew(), two.renew()])).resolves.toEqual(['renewed', 'renewed']);
    expect([grants.length, one.token(), two.token()]).toEqual([1, 'access 1', 'access 1']);
  });

  test('wait for the tab that refreshes, and refresh if it fails', async () => {
    let failed = false;
    answering(() => {
      const answer = failed ? tokens() : HttpResponse.error();
      failed = true;
      return answer;
    });
    const [one, two] = [(await opened()).account, (await opened()).account];
    const both = await Promise.all([one.renew(), two.renew()]);
    expect([both.toSorted(), grants.length]).toEqual([['renewed', 'unreachable'], 2]);
  });

  test('hear of a sign-in, a refresh and a sign-out of another', async () => {
    localStorage.clear();
    const { account } = await opened();
    expect(account.state().person).toBeNull();
    keep({});
    told();
    expect(account.state().person?.id).toBe('sub-1');
    account.lapse();
    keep({ access_token: 'second' });
    told();
    expect([account.token(), account.state().lapsed]).toEqual(['second', false]);
    localStorage.clear();
    told(null);
    expect(account.state().person).toBeNull();
  });

  test('do not bring back a session from which another has signed out', async () => {
    answering(() => {
      localStorage.removeItem(KEY);
      return tokens({ refresh_token: 'late' });
    });
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    expect([account.state().person, localStorage.getItem(KEY), revoked]).toEqual([null, null, ['late']]);
  });

  test('send nothing as somebody who has signed in elsewhere since', async () => {
    const { account } = await opened();
    const { person } = account.state();
    const mine = person && credentialsOf(account, person);
    expect(mine?.token()).toBe('first');
    keep({ access_token: 'of somebody else', profile: { sub: 'sub-2' } });
    await expect(mine?.renew()).resolves.toBe('refused');
    expect([mine?.token(), account.token()]).toEqual([undefined, 'of somebody else']);
    mine?.lapse();
    expect(account.state().lapsed).toBe(false);
  });

  test('with a session of their own are left alone by the others', async () => {
    keep({ access_token: 'of this tab' }, sessionStorage);
    const { account } = await opened();
    localStorage.clear();
    told();
    expect(account.token()).toBe('of this tab');
    await account.signOut();
    expect(sessionStorage.getItem(KEY)).toBeNull();
  });
});

describe('a browser that stores nothing', () => {
  test.each(['localStorage', 'sessionStorage'] as const)('in %s opens the page', async (name) => {
    vi.spyOn(window, name, 'get').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    const { account } = await opened();
    expect(account.state().problem).toBeNull();
  });

  test('at all is told about when one signs in', async () => {
    for (const name of ['localStorage', 'sessionStorage'] as const) {
      vi.spyOn(window, name, 'get').mockImplementation(() => {
        throw new DOMException('denied', 'SecurityError');
      });
    }
    const { account } = await opened();
    await account.signIn('/messages');
    expect(account.state().problem).toMatch(/lets the page store nothing/);
  });
});

function answerOf(status: number, body: string | object) {
  return typeof body === 'string'
    ? new HttpResponse(body, { status, headers: { 'Content-Type': body.startsWith('<') ? 'text/html' : 'application/json' } })
    : HttpResponse.json(body, { status });
}
