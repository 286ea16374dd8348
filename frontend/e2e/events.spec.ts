import type { BrowserContext, WebSocket } from '@playwright/test';
import { Stack } from './stack.ts';
import { type Page, expect, inbox, message, openConversation, say, sentMark, signInAs, t, test } from './test.ts';

const MINUTE = 60_000;

/** Records the requests that a page makes to the API, by method and path. */
function requestsOf(page: Page): string[] {
  const requests: string[] = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (pathname.startsWith('/api/') && !pathname.endsWith('/read')) {
      requests.push(`${request.method()} ${pathname}`);
    }
  });
  return requests;
}

/** Records the sockets that the pages of a browser open. Those of pages that are left may never count as closed. */
function socketsOf(context: BrowserContext): WebSocket[] {
  const sockets: WebSocket[] = [];
  const record = (page: Page) => page.on('websocket', (socket) => sockets.push(socket));
  context.pages().forEach(record);
  context.on('page', record);
  return sockets;
}

/** Waits until the newest socket is open. */
async function opened(sockets: readonly WebSocket[], after = 0): Promise<void> {
  await expect.poll(() => sockets.length > after && sockets.at(-1)?.isClosed() === false).toBe(true);
}

/** Waits until no request was made for a while: the start of the page is over. */
async function settled(requests: readonly string[]): Promise<void> {
  await expect(async () => {
    const before = requests.length;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(requests).toHaveLength(before);
  }).toPass({ timeout: 30_000 });
}

test('a message is on the other page by the socket, without a request', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  const requests = requestsOf(page);
  const sockets = socketsOf(page.context());
  await page.reload();
  await openConversation(page, 'Scarlett Ho');
  await settled(requests);
  await opened(sockets);
  // The token is in no address.
  expect(new Set(sockets.map((socket) => new URL(socket.url()).search))).toEqual(new Set(['']));
  const before = requests.length;
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'By the socket');
  await expect(message(page, 'By the socket')).toBeVisible();
  await expect(inbox(page).getByRole('link', { name: 'Scarlett Ho' })).toContainText('By the socket');
  await say(page, 'And back');
  await expect(sentMark(page, 'And back')).toBeAttached();
  await expect(inbox(page).getByRole('link', { name: 'Scarlett Ho' })).toContainText('And back');
  // The conversation lists it, so it has left the outbox.
  await expect.poll(() => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('cruddur.outbox')))).toEqual([]);
  expect(requests.slice(before)).toEqual(['POST /api/messages']);
});

test('what happened while the page was offline is there when it is online again, and after a reload', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  const scarlett = await stack.api('scarlett');
  await page.context().setOffline(true);
  await expect(page.getByText(t('banner.offline'))).toBeVisible();
  await scarlett.send({ handle: 'sunyoung' }, 'While offline');
  await page.context().setOffline(false);
  await expect(message(page, 'While offline')).toBeVisible();
  await page.goto('about:blank');
  await scarlett.send({ handle: 'sunyoung' }, 'While closed');
  await page.goBack();
  await expect(message(page, 'While closed')).toBeVisible();
});

test('two tabs share a socket, and the second opens one when the first is closed', async ({ signIn, stack }) => {
  const one = await signIn('sunyoung');
  const sockets = socketsOf(one.context());
  await one.reload();
  await openConversation(one, 'Scarlett Ho');
  await settled(requestsOf(one));
  await opened(sockets);
  const before = sockets.length;
  const two = await one.context().newPage();
  const requests = requestsOf(two);
  await two.goto(one.url());
  await expect(inbox(two).getByRole('link', { name: 'Scarlett Ho' })).toBeVisible();
  await settled(requests);
  expect(sockets).toHaveLength(before);
  const scarlett = await stack.api('scarlett');
  const start = requests.length;
  await scarlett.send({ handle: 'sunyoung' }, 'To both tabs');
  await expect(message(one, 'To both tabs')).toBeVisible();
  await expect(message(two, 'To both tabs')).toBeVisible();
  expect(requests.slice(start)).toEqual([]);

  await Promise.all([one.close(), scarlett.send({ handle: 'sunyoung' }, 'During the change')]);
  await expect(message(two, 'During the change')).toBeVisible();
  await opened(sockets, before);
  await settled(requests);
  const after = requests.length;
  await scarlett.send({ handle: 'sunyoung' }, 'After the change');
  await expect(message(two, 'After the change')).toBeVisible();
  expect(requests.slice(after)).toEqual([]);
});

test('two persons in two tabs have a socket each', async ({ browser, stack }) => {
  const context = await browser.newContext({ baseURL: stack.url });
  const sockets = socketsOf(context);
  const [one, two] = [await context.newPage(), await context.newPage()];
  for (const [page, handle] of [[one, 'sunyoung'], [two, 'scarlett']] as const) {
    await page.goto('/messages');
    await signInAs(page, handle, true);
  }
  await opened(sockets, 1);
  await (await stack.api('lore')).send({ handle: 'scarlett' }, 'For Scarlett only');
  await expect(inbox(two)).toContainText('For Scarlett only');
  await expect(inbox(one)).not.toContainText('For Scarlett only');
});

test('with a blocked socket, messages are polled', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await page.routeWebSocket(/\/ws$/, (socket) => socket.close());
  await page.reload();
  await openConversation(page, 'Scarlett Ho');
  const scarlett = await stack.api('scarlett');
  for (const text of ['First', 'Second']) {
    await scarlett.send({ handle: 'sunyoung' }, text);
    await expect(message(page, text)).toBeVisible();
  }
  await expect(page.getByText(t('banner.troubled'))).toHaveCount(0);
});

test('an idle page makes at most one request in two minutes', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await page.clock.install();
  const requests = requestsOf(page);
  const sockets = socketsOf(page.context());
  await page.reload();
  await openConversation(page, 'Scarlett Ho');
  await settled(requests);
  const opens = sockets.length;
  const times: number[] = [];
  const step = 5000;
  let clock = 0;
  page.on('request', () => times.push(clock));
  for (; clock < 20 * MINUTE; clock += step) {
    await page.clock.runFor(step);
    // For the answers to pings.
    await page.waitForTimeout(25);
  }
  expect(times.length).toBeGreaterThan(8);
  for (const [index, time] of times.slice(1).entries()) {
    expect(time - (times[index] ?? 0)).toBeGreaterThanOrEqual(2 * MINUTE - step);
  }
  expect(sockets).toHaveLength(opens);
});

test('signing out closes the socket', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  const requests = requestsOf(page);
  const sockets = socketsOf(page.context());
  await page.reload();
  await settled(requests);
  await opened(sockets);
  await page.getByRole('button', { name: t('signOut') }).click();
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  await expect.poll(() => sockets.at(-1)?.isClosed()).toBe(true);
  expect(await page.evaluate(() => Object.keys(localStorage))).toEqual([]);
});

/** Signs in at a stack with flags, and returns the page. */
async function signInAt(stack: Stack, context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${stack.url}/messages`);
  await signInAs(page, 'sunyoung');
  return page;
}

test('sockets that are closed every three seconds lose no message', async ({ browser }) => {
  const stack = await Stack.start(3600, ['--websocket-max-duration', '3']);
  const context = await browser.newContext();
  const sockets = socketsOf(context);
  try {
    const page = await signInAt(stack, context);
    await openConversation(page, 'Scarlett Ho');
    const scarlett = await stack.api('scarlett');
    const texts: string[] = [];
    while (sockets.length < 4) {
      const text = `Number ${texts.length}.`;
      texts.push(text);
      await scarlett.send({ handle: 'sunyoung' }, text);
      await page.waitForTimeout(300);
    }
    for (const text of texts.slice(-10)) {
      await expect(message(page, text)).toHaveCount(1);
    }
    await expect(message(page, texts.at(-1) ?? '')).toBeVisible();
  } finally {
    await context.close();
    await stack.stop();
  }
});

test('a deployment without the WebSocket API is polled', async ({ browser }) => {
  const stack = await Stack.start(3600, ['--no-websocket']);
  const context = await browser.newContext();
  const sockets = socketsOf(context);
  try {
    const page = await signInAt(stack, context);
    await openConversation(page, 'Scarlett Ho');
    await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Polled');
    await expect(message(page, 'Polled')).toBeVisible();
    expect(sockets).toEqual([]);
  } finally {
    await context.close();
    await stack.stop();
  }
});
