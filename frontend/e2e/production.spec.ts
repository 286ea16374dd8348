import { Site } from './site.ts';
import { type Page, composer, expect, openConversation, say, sentMark, signInAs, t, test } from './test.ts';

test('the built client at another origin uses the API in its configuration', async ({ browser, stack }) => {
  const site = await Site.of(stack, (url) => `${url}/local/issuer/logout`);
  const page = await (await browser.newContext({ baseURL: site.url })).newPage();
  const origins = new Set<string>();
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.pathname.startsWith('/api/')) {
      origins.add(url.origin);
    }
  });
  const sockets: string[] = [];
  page.on('websocket', (socket) => socket.on('framereceived', () => sockets.push(new URL(socket.url()).host)));
  await page.goto('/messages');
  await signInAs(page, 'sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'From another origin');
  await expect(sentMark(page, 'From another origin')).toBeAttached();
  await expect.poll(() => new Set(sockets)).toEqual(new Set([new URL(stack.url).host]));
  expect([...origins]).toEqual([stack.url]);
  await expectConnection(page, stack.url, true);
  await expectConnection(page, 'https://elsewhere.example', false);

  await page.getByRole('button', { name: t('signOut') }).click();
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  expect(new URL(page.url()).origin).toBe(site.url);
  await expect(composer(page)).toHaveCount(0);
  await site.stop();
});

/** Checks the page's policies, independent of the network. */
async function expectConnection(page: Page, origin: string, allowed: boolean): Promise<void> {
  const violations = await page.evaluate(async (url) => {
    const found: string[] = [];
    document.addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) =>
      found.push(`${effectiveDirective} ${blockedURI}`),
    );
    await fetch(url, { mode: 'no-cors' }).catch(() => undefined);
    // The event follows the failure.
    await new Promise((resolve) => setTimeout(resolve, 100));
    return found;
  }, `${origin}/steal`);
  expect(violations).toEqual(allowed ? [] : [`connect-src ${origin}/steal`]);
}

test('the page of the local stack can connect to the stack only', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await expectConnection(page, stack.url, true);
  await expectConnection(page, 'https://elsewhere.example', false);
  await expectConnection(page, 'http://127.0.0.1:9', false);
});

test("a token endpoint that the policy does not allow is reported before the redirect", async ({ browser }) => {
  const authority = 'https://issuer.example';
  const site = await Site.start((url) => ({
    api_url: url,
    authority,
    client_id: 'client',
    scope: 'openid profile',
    logout_url: null,
  }));
  const page = await (await browser.newContext({ baseURL: site.url })).newPage();
  await page.route(`${authority}/.well-known/openid-configuration`, (route) =>
    route.fulfill({
      headers: { 'access-control-allow-origin': '*' },
      json: {
        issuer: authority,
        authorization_endpoint: `${authority}/authorize`,
        token_endpoint: 'https://tokens.example/token',
      },
    }),
  );
  await page.goto('/');
  await page.getByRole('button', { name: t('welcome.signIn') }).click();
  await expect(page.getByRole('alert')).toContainText(t('signIn.connectTo', { origin: 'https://tokens.example' }));
  await site.stop();
});

test('with a Cognito pool, the sign-in is at the hosted page of the pool', async ({ browser }) => {
  const authority = 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI';
  const hosted = 'https://cruddur.auth.eu-central-1.amazoncognito.com';
  const site = await Site.start(() => ({
    api_url: 'https://abc123.execute-api.eu-central-1.amazonaws.com',
    authority,
    client_id: '1h57kf5cpq17m0eml12EXAMPLE',
    scope: 'openid profile',
    logout_url: `${hosted}/logout`,
  }));
  const page = await (await browser.newContext({ baseURL: site.url })).newPage();
  await page.route(`${authority}/.well-known/openid-configuration`, (route) =>
    route.fulfill({
      headers: { 'access-control-allow-origin': '*' },
      // Like Cognito's: without a usable end_session_endpoint.
      json: {
        issuer: authority,
        authorization_endpoint: `${hosted}/oauth2/authorize`,
        token_endpoint: `${hosted}/oauth2/token`,
        jwks_uri: `${authority}/.well-known/jwks.json`,
      },
    }),
  );
  await page.route(`${hosted}/**`, (route) => route.fulfill({ contentType: 'text/html', body: 'The hosted page' }));
  await page.goto('/messages');
  await page.getByRole('button', { name: t('welcome.signIn') }).click();
  await expect(page.getByText('The hosted page')).toBeVisible();
  const url = new URL(page.url());
  expect(url.origin + url.pathname).toBe(`${hosted}/oauth2/authorize`);
  const parameters = Object.fromEntries(url.searchParams);
  expect(parameters).toMatchObject({
    client_id: '1h57kf5cpq17m0eml12EXAMPLE',
    redirect_uri: `${site.url}/callback`,
    response_type: 'code',
    scope: 'openid profile',
    code_challenge_method: 'S256',
  });
  await site.stop();
});

test('a deployment has a name, an accent and a logo of its own', async ({ browser }) => {
  const site = await Site.start((url) => ({
    api_url: url,
    authority: url,
    client_id: 'client',
    scope: 'openid profile',
    name: 'Acme Chat',
    accent: '#ffd500',
    logo: '/favicon.svg',
  }));
  const page = await (await browser.newContext({ baseURL: site.url, colorScheme: 'light' })).newPage();
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Acme Chat', exact: true })).toBeVisible();
  await expect(page).toHaveTitle(/Acme Chat$/);
  // Dark enough for its white text.
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toHaveCSS('background-color', 'rgb(138, 115, 0)');
  await expect(page.locator('.cruddur-mark')).toHaveCSS('background-image', `url("${site.url}/favicon.svg")`);
  await expect(page.locator('.cruddur-mark > *').first()).toBeHidden();
  await site.stop();
});
