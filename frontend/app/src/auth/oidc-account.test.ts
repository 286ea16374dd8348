import { http, HttpResponse } from 'msw';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { server } from '../testing/fake-stack.ts';
import { CONFIG } from '../testing/render-app.tsx';
import { token } from '../testing/tokens.ts';
import { credentialsOf } from './account.ts';
import { OidcAccount } from './oidc-account.ts';
import { signInUrl } from './sign-in.ts';

vi.mock('./sign-in.ts', { spy: true });

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
  store({});
});

afterEach(() => {
  vi.restoreAllMocks();
  for (const account of open) {
    account.close();
  }
});

/** Stores a session. */
function store(change: object, storage = localStorage): void {
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

const stored = () => JSON.parse(localStorage.getItem(KEY) ?? 'null') as Record<string, unknown>;

/** Sets the token endpoint's response. */
function respond(response: () => Response | Promise<Response>): void {
  server.use(
    http.post(`${CONFIG.authority}/token`, async ({ request }) => {
      grants.push(new URLSearchParams(await request.text()));
      return await response();
    }),
  );
}

/** A successful token response. */
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

/** Dispatches the event that the browser sends to other tabs. */
const notifyStorage = (key: string | null = KEY) => window.dispatchEvent(new StorageEvent('storage', { key }));

describe('the account', () => {
  test('is loaded from storage', async () => {
    const { account } = await opened();
    expect(account.state().person).toEqual({ id: 'sub-1', handle: 'sunyoung', name: 'Sunyoung Lee' });
    expect(account.token()).toBe('first');
  });

  test('prefers the session of this tab to the shared one', async () => {
    store({ access_token: 'of this tab' }, sessionStorage);
    expect((await opened()).account.token()).toBe('of this tab');
  });

  test('uses the refresh token once for concurrent renewals', async () => {
    respond(() => tokens());
    const { account } = await opened();
    await expect(Promise.all([account.renew(), account.renew()])).resolves.toEqual(['renewed', 'renewed']);
    expect(grants.map((grant) => Object.fromEntries(grant))).toEqual([
      { grant_type: 'refresh_token', client_id: 'client', refresh_token: 'refresh' },
    ]);
    expect(account.token()).toBe('access 1');
    expect(account.state().person?.name).toBe('Sunyoung Kim');
    // Without a new refresh token in the response, the old one stays valid.
    await account.renew();
    expect(grants.at(-1)?.get('refresh_token')).toBe('refresh');
  });

  test('stores a rotated refresh token', async () => {
    respond(() => tokens({ refresh_token: `refresh ${grants.length}` }));
    const { account } = await opened();
    await account.renew();
    await account.renew();
    expect(grants.map((grant) => grant.get('refresh_token'))).toEqual(['refresh', 'refresh 1']);
    expect(stored()).toMatchObject({ access_token: 'access 2', refresh_token: 'refresh 2' });
  });

  test('renews the access token before it expires', async () => {
    respond(() => tokens());
    store({ expires_at: Math.floor(Date.now() / 1000) + 2 });
    const { account } = await opened();
    await vi.waitFor(() => expect(account.token()).toBe('access 1'), 4000);
  });

  test.each<[string, number, string | object]>([
    ['a refused grant', 400, { error: 'invalid_grant' }],
    ['an unknown client', 401, { error: 'invalid_client' }],
    ['an unauthorized client', 400, { error: 'unauthorized_client' }],
    ['an error with status 200', 200, { error: 'invalid_grant' }],
    ['another authentication time', 200, { access_token: 'a', id_token: token({ ...CLAIMS, auth_time: 1001 }) }],
    ['another person', 200, { access_token: 'a', id_token: token({ ...CLAIMS, sub: 'sub-2' }) }],
    ['an id token without a person', 200, { access_token: 'a', id_token: token({ auth_time: 1000 }) }],
    ['a malformed id token', 200, { access_token: 'a', id_token: 'none' }],
    ['no access token', 200, { token_type: 'Bearer' }],
    ['an access token that is not a string', 200, { access_token: 7 }],
    ['a token of another type', 200, { access_token: 'a', token_type: 'DPoP' }],
    ['an empty object', 200, '{}'],
    ['an array', 200, '[]'],
  ])('needs a new sign-in after %s and keeps its session until then', async (_, status, body) => {
    respond(() => responseOf(status, body));
    const { account } = await opened();
    const before = localStorage.getItem(KEY);
    await expect(account.renew()).resolves.toBe('refused');
    expect([account.state().person?.id, localStorage.getItem(KEY)]).toEqual(['sub-1', before]);
  });

  test.each<[string, number, string | object]>([
    ['a server error', 500, { error: 'server_error' }],
    ['an unavailable issuer', 503, { error: 'temporarily_unavailable' }],
    ['too many requests', 429, { error: 'too_many_requests' }],
    ['invalid_grant with a transient status', 503, { error: 'invalid_grant' }],
    ['invalid_client with status 429', 429, { error: 'invalid_client' }],
    ['an unknown error', 400, { error: 'slow_down' }],
    ['an error of a gateway', 403, { message: 'Forbidden' }],
    ['the page of a proxy', 502, '<html>Bad gateway</html>'],
    ['the sign-in page of a network', 200, '<html>Welcome to the train</html>'],
    ['an empty response', 200, ''],
    ['a truncated response', 200, '{"access_token": "a'],
  ])('retries after %s', async (_, status, body) => {
    respond(() => responseOf(status, body));
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('unreachable');
    respond(() => tokens());
    window.dispatchEvent(new Event('online'));
    await expect(account.renew()).resolves.toBe('renewed');
  });

  test('reports the issuer as unreachable after a network error or a failed discovery', async () => {
    respond(() => HttpResponse.error());
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
  ])('pauses after a failure with Retry-After: %s', async (retryAfter, least, most) => {
    respond(() => HttpResponse.json({}, { status: 429, headers: { 'Retry-After': retryAfter } }));
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

  test("can't be renewed without a refresh token", async () => {
    store({ refresh_token: undefined });
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    expect(grants).toEqual([]);
  });

  test('has no token after its expiry', async () => {
    respond(() => HttpResponse.error());
    store({ expires_at: 1 });
    const { account } = await opened();
    expect(account.token()).toBeUndefined();
    expect(account.state().person?.handle).toBe('sunyoung');
    await account.renew();
    expect(account.state().troubled).toBe(true);
    respond(() => tokens());
    window.dispatchEvent(new Event('online'));
    await account.renew();
    expect([account.state().troubled, account.token()]).toEqual([undefined, 'access 2']);
  });

  test.each(['1e300', '99999999999999'])('does not renew a token at once that expires at %s', async (expiresAt) => {
    localStorage.setItem(KEY, JSON.stringify({ ...stored(), expires_at: Number(expiresAt) }));
    const timer = vi.spyOn(globalThis, 'setTimeout');
    await opened();
    expect(timer.mock.calls.map(([, wait]) => wait)).toContain(2 ** 31 - 1);
  });

  test('explains a redirect of a sign-in that this window did not start', async () => {
    localStorage.clear();
    const { account, path } = await opened('?code=abc&state=unknown');
    expect(path).toBe('/messages');
    expect(account.state()).toEqual({
      person: null,
      lapsed: false,
      problem: { key: 'signIn.otherWindow' },
    });
  });

  test.each([
    ['asks the issuer for credentials at the sign-in after a lapse', true, 'login'],
    ['lets the issuer sign in without a question otherwise', false, null],
  ])('%s', async (_, isLapsed, prompt) => {
    const { account } = await opened();
    if (isLapsed) {
      account.lapse();
    }
    let url = '';
    const { signInUrl: actual } = await vi.importActual<typeof import('./sign-in.ts')>('./sign-in.ts');
    vi.mocked(signInUrl).mockImplementationOnce(async (...call) => {
      url = await actual(...call);
      // jsdom only navigates within the page.
      return '#issuer';
    });
    const leaving = account.signIn('/messages');
    await vi.waitFor(() => expect(window.location.hash).toBe('#issuer'));
    window.dispatchEvent(new Event('pageshow'));
    await leaving;
    expect(new URL(url).pathname).toBe('/local/issuer/authorize');
    expect(new URL(url).searchParams.get('prompt')).toBe(prompt);
  });

  test('is removed at sign-out, even if revocation fails', async () => {
    server.use(http.post(`${CONFIG.authority}/revoke`, () => new HttpResponse(null, { status: 404 })));
    const { account } = await opened();
    await account.signOut();
    expect([account.state().person, localStorage.getItem(KEY)]).toEqual([null, null]);
  });

  test('revokes its refresh token at sign-out', async () => {
    const { account } = await opened();
    await account.signOut();
    expect(revoked).toEqual(['refresh']);
  });

  test.each([
    ['broken JSON', '{"access_token"'],
    ['a number', '7'],
    ['no token', '{"profile":{"sub":"sub-1"}}'],
    ['no sub', '{"access_token":"a","profile":{}}'],
    ['a name that is not a string', '{"access_token":"a","profile":{"sub":"sub-1","preferred_username":7,"name":{}}}'],
    ['an expiry that is not a number', '{"access_token":"a","profile":{"sub":"sub-1"},"expires_at":"soon","refresh_token":7}'],
  ])('opens with a stored session that has %s', async (_, json) => {
    localStorage.setItem(KEY, json);
    const { account } = await opened();
    const { person } = account.state();
    expect([null, '']).toContain(person && person.handle);
  });
});

describe('the tabs of a browser', () => {
  test('use a refresh token once', async () => {
    respond(() => tokens({ refresh_token: `refresh ${grants.length}` }));
    const [one, two] = [(await opened()).account, (await opened()).account];
    await expect(Promise.all([one.renew(), two.renew()])).resolves.toEqual(['renewed', 'renewed']);
    expect([grants.length, one.token(), two.token()]).toEqual([1, 'access 1', 'access 1']);
  });

  test('wait for a refresh in another tab, and refresh if it fails', async () => {
    let failed = false;
    respond(() => {
      const response = failed ? tokens() : HttpResponse.error();
      failed = true;
      return response;
    });
    const [one, two] = [(await opened()).account, (await opened()).account];
    const both = await Promise.all([one.renew(), two.renew()]);
    expect([both.toSorted(), grants.length]).toEqual([['renewed', 'unreachable'], 2]);
  });

  test('adopt a sign-in, a refresh and a sign-out of another tab', async () => {
    localStorage.clear();
    const { account } = await opened();
    expect(account.state().person).toBeNull();
    store({});
    notifyStorage();
    expect(account.state().person?.id).toBe('sub-1');
    account.lapse();
    store({ access_token: 'second' });
    notifyStorage();
    expect([account.token(), account.state().lapsed]).toEqual(['second', false]);
    localStorage.clear();
    notifyStorage(null);
    expect(account.state().person).toBeNull();
  });

  test('do not restore a session after a sign-out in another tab', async () => {
    respond(() => {
      localStorage.removeItem(KEY);
      return tokens({ refresh_token: 'late' });
    });
    const { account } = await opened();
    await expect(account.renew()).resolves.toBe('refused');
    expect([account.state().person, localStorage.getItem(KEY), revoked]).toEqual([null, null, ['late']]);
  });

  test('send no request of one person with the token of another', async () => {
    const { account } = await opened();
    const { person } = account.state();
    const mine = person && credentialsOf(account, person);
    expect(mine?.token()).toBe('first');
    store({ access_token: 'of another person', profile: { sub: 'sub-2' } });
    await expect(mine?.renew()).resolves.toBe('refused');
    expect([mine?.token(), account.token()]).toEqual([undefined, 'of another person']);
    mine?.lapse();
    expect(account.state().lapsed).toBe(false);
  });

  test('with a session of their own ignore the shared one', async () => {
    store({ access_token: 'of this tab' }, sessionStorage);
    const { account } = await opened();
    localStorage.clear();
    notifyStorage();
    expect(account.token()).toBe('of this tab');
    await account.signOut();
    expect(sessionStorage.getItem(KEY)).toBeNull();
  });
});

describe('a browser that denies storage', () => {
  test.each(['localStorage', 'sessionStorage'] as const)('in %s still opens the page', async (name) => {
    vi.spyOn(window, name, 'get').mockImplementation(() => {
      throw new DOMException('denied', 'SecurityError');
    });
    const { account } = await opened();
    expect(account.state().problem).toBeNull();
  });

  test('in both is explained at sign-in', async () => {
    for (const name of ['localStorage', 'sessionStorage'] as const) {
      vi.spyOn(window, name, 'get').mockImplementation(() => {
        throw new DOMException('denied', 'SecurityError');
      });
    }
    const { account } = await opened();
    await account.signIn('/messages');
    expect(account.state().problem).toEqual({ key: 'signIn.noStorage' });
  });
});

function responseOf(status: number, body: string | object) {
  return typeof body === 'string'
    ? new HttpResponse(body, { status, headers: { 'Content-Type': body.startsWith('<') ? 'text/html' : 'application/json' } })
    : HttpResponse.json(body, { status });
}
