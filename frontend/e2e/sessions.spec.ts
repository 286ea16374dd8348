import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from '@playwright/test';
import { type Page, composer, expect, inbox, message, openConversation, say, signInAs, test } from './test.ts';

const again = (page: Page) => page.getByRole('button', { name: 'Sign in again' });
const welcome = (page: Page) => page.getByRole('button', { name: 'Sign in', exact: true });

/** The refresh tokens that pages of a browser have spent, in their order. */
function spentIn(context: BrowserContext): string[] {
  const spent: string[] = [];
  context.on('response', (response) => {
    const form = new URLSearchParams(response.request().postData() ?? '');
    if (response.ok() && form.get('grant_type') === 'refresh_token') {
      spent.push(form.get('refresh_token') ?? '');
    }
  });
  return spent;
}

test.describe('an access token that lives five seconds', () => {
  test.use({ accessTokenLifetime: 5 });

  test('is refreshed in the list, in a conversation, and while a message waits', async ({ signIn, stack }) => {
    const page = await signIn('sunyoung');
    const spent = spentIn(page.context());
    const twiceMore = async () => {
      const before = spent.length;
      await expect.poll(() => spent.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + 2);
    };
    await twiceMore();
    await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'After ten seconds');
    await expect(inbox(page).getByRole('link', { name: 'Scarlett Ho' })).toContainText('After ten seconds');

    await openConversation(page, 'Scarlett Ho');
    await twiceMore();
    await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'After twenty seconds');
    await expect(message(page, 'After twenty seconds')).toBeVisible();

    await page.route('**/api/messages', (route) => route.fulfill({ status: 503, json: ['unavailable'] }));
    await say(page, 'This one waits');
    await twiceMore();
    await page.unroute('**/api/messages');
    await expect(message(page, 'This one waits').getByText('Sent', { exact: true })).toBeAttached({ timeout: 60_000 });
    await expect(again(page)).toHaveCount(0);
    expect(new Set(spent).size).toBe(spent.length);
  });

  test('may end while the issuer is in trouble, and the session goes on afterwards', async ({ signIn }) => {
    const page = await signIn('sunyoung');
    await openConversation(page, 'Scarlett Ho');
    let refused = 0;
    await page.route('**/local/issuer/token', (route) => {
      refused += 1;
      return route.fulfill({ status: 503, json: { error: 'temporarily_unavailable' } });
    });
    await expect(page.getByText("The server can't be reached at the moment.")).toBeVisible({ timeout: 30_000 });
    await say(page, 'Written meanwhile');
    await expect(message(page, 'Written meanwhile')).toBeVisible();
    await expect(again(page)).toHaveCount(0);
    expect(refused).toBeLessThan(12);

    // A page that is loaded now has nothing but the session, and still shows what waits.
    await page.reload();
    await expect(message(page, 'Written meanwhile')).toBeVisible();
    await page.unroute('**/local/issuer/token');
    await expect(message(page, 'Written meanwhile').getByText('Sent', { exact: true })).toBeAttached({ timeout: 60_000 });
  });

  test('that can not be refreshed asks for a new sign-in and keeps what is written', async ({ signIn }) => {
    const page = await signIn('sunyoung');
    await openConversation(page, 'Scarlett Ho');
    await page.route('**/api/messages', (route) => route.fulfill({ status: 503, json: ['unavailable'] }));
    await say(page, 'Still to be sent');
    await composer(page).fill('Half a sentence');
    // The endpoint answers, with another time of authentication than that of the sign-in.
    await page.route('**/local/issuer/token', async (route) => {
      const response = await route.fetch();
      const tokens = (await response.json()) as { id_token: string };
      const [header, claims, signature] = tokens.id_token.split('.');
      const changed = { ...JSON.parse(Buffer.from(claims ?? '', 'base64url').toString()), auth_time: 1 };
      const idToken = [header, Buffer.from(JSON.stringify(changed)).toString('base64url'), signature].join('.');
      await route.fulfill({ json: { ...tokens, id_token: idToken } });
    });
    await expect(again(page)).toBeVisible({ timeout: 30_000 });
    await page.unroute('**/local/issuer/token');
    await page.unroute('**/api/messages');
    await again(page).click();
    await page.getByRole('button', { name: '@sunyoung' }).click();
    await expect(message(page, 'Still to be sent').getByText('Sent', { exact: true })).toBeAttached({ timeout: 60_000 });
    await expect(composer(page)).toHaveValue('Half a sentence');
  });

  test('keeps two tabs signed in over three lifetimes, and every message arrives in both', async ({ signIn }) => {
    const one = await signIn('sunyoung');
    const spent = spentIn(one.context());
    const two = await one.context().newPage();
    await two.goto('/messages');
    const scarlett = await signIn('scarlett');
    const people = [one, two, scarlett];
    await openConversation(one, 'Scarlett Ho');
    await openConversation(two, 'Scarlett Ho');
    await openConversation(scarlett, 'Sunyoung Lee');
    const texts: string[] = [];
    for (let round = 1; spent.length < 4; round += 1) {
      for (const [index, page] of people.entries()) {
        const text = `Round ${round}, page ${index + 1}.`;
        texts.push(text);
        await say(page, text);
        await expect(message(page, text).getByText('Sent', { exact: true })).toBeAttached();
      }
    }
    for (const page of people) {
      for (const text of texts) {
        await expect(message(page, text)).toHaveCount(1);
      }
      await expect(again(page)).toHaveCount(0);
      await expect(welcome(page)).toHaveCount(0);
    }
    expect(new Set(spent).size).toBe(spent.length);
  });
});

test('signing in holds in a new tab and after a restart of the browser', async ({ stack, launchOptions }) => {
  const folder = await mkdtemp(join(tmpdir(), 'cruddur-profile-'));
  const launch = () => chromium.launchPersistentContext(folder, { ...launchOptions, baseURL: stack.url });
  try {
    const first = await launch();
    const page = await first.newPage();
    await page.goto('/messages');
    await signInAs(page, 'sunyoung');
    const tab = await first.newPage();
    await tab.goto('/messages');
    await openConversation(tab, 'Scarlett Ho');
    const at = new URL(tab.url()).pathname;
    await first.close();

    const second = await launch();
    const later = await second.newPage();
    await later.goto(at);
    await say(later, 'After a restart');
    await expect(message(later, 'After a restart').getByText('Sent', { exact: true })).toBeAttached();
    await second.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('signing out of one tab signs out of all, and leaves nothing', async ({ signIn }) => {
  const one = await signIn('sunyoung');
  const two = await one.context().newPage();
  await two.goto('/messages');
  await openConversation(two, 'Scarlett Ho');
  await composer(two).fill('Half a sentence');
  await one.getByRole('button', { name: 'Sign out' }).click();
  await expect(welcome(one)).toBeVisible();
  await expect(welcome(two)).toBeVisible();
  expect(await two.evaluate(() => Object.keys(localStorage))).toEqual([]);
  // And a sign-in in one of them is one in both.
  await signInAs(two, 'scarlett');
  await expect(inbox(one).getByRole('link', { name: 'Sunyoung Lee' })).toBeVisible();
});

test('a session of one tab is of that tab alone', async ({ browser, stack }) => {
  const context = await browser.newContext({ baseURL: stack.url });
  const one = await context.newPage();
  await one.goto('/messages');
  await signInAs(one, 'sunyoung', true);
  await one.reload();
  await expect(inbox(one).getByRole('link', { name: 'Scarlett Ho' })).toBeVisible();

  // Another person in another tab.
  const two = await context.newPage();
  await two.goto('/messages');
  await signInAs(two, 'scarlett', true);
  await expect(inbox(two).getByRole('link', { name: 'Sunyoung Lee' })).toBeVisible();

  // A copy of the first tab, as browsers make it: with its sessionStorage.
  const copied = await one.evaluate(() => Object.entries(sessionStorage));
  const copy = await context.newPage();
  await copy.goto('/favicon.svg');
  await copy.evaluate((entries) => {
    for (const [key, value] of entries) {
      sessionStorage.setItem(key, value);
    }
  }, copied);
  await copy.goto('/messages');
  await expect(copy.getByRole('status')).toContainText('copy');
  await expect(welcome(copy)).toBeVisible();

  await one.getByRole('button', { name: 'Sign out' }).click();
  await expect(welcome(one)).toBeVisible();
  await two.reload();
  await expect(inbox(two).getByRole('link', { name: 'Sunyoung Lee' })).toBeVisible();
});

for (const denied of [['sessionStorage'], ['localStorage', 'indexedDB']]) {
  test(`without ${denied.join(' and ')} one still signs in and writes`, async ({ browser, stack }) => {
    const page = await withoutStorage(browser.newContext({ baseURL: stack.url }), denied);
    await page.goto('/messages');
    await signInAs(page, 'sunyoung');
    await openConversation(page, 'Scarlett Ho');
    await say(page, 'From a strict browser');
    await expect(message(page, 'From a strict browser').getByText('Sent', { exact: true })).toBeAttached();
    await page.reload();
    await expect(message(page, 'From a strict browser')).toBeVisible();
  });
}

test('without any storage the page says what to do', async ({ browser, stack }) => {
  const page = await withoutStorage(browser.newContext({ baseURL: stack.url }), ['sessionStorage', 'localStorage', 'indexedDB']);
  await page.goto('/messages');
  await welcome(page).click();
  await expect(page.getByRole('alert')).toContainText('Allow cookies and site data');
});

async function withoutStorage(making: Promise<BrowserContext>, denied: string[]): Promise<Page> {
  const page = await (await making).newPage();
  await page.addInitScript((names) => {
    for (const name of names) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException('denied', 'SecurityError');
        },
      });
    }
  }, denied);
  return page;
}
