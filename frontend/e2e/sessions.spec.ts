import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium } from '@playwright/test';
import { type Page, composer, expect, inbox, message, openConversation, say, sentMark, signInAs, t, test } from './test.ts';

const again = (page: Page) => page.getByRole('button', { name: t('banner.signInAgain') });
const welcome = (page: Page) => page.getByRole('button', { name: t('welcome.signIn'), exact: true });

/** Records the refresh tokens that the pages of a browser use, in order. */
function usedIn(context: BrowserContext): string[] {
  const used: string[] = [];
  context.on('response', (response) => {
    const form = new URLSearchParams(response.request().postData() ?? '');
    if (response.ok() && form.get('grant_type') === 'refresh_token') {
      used.push(form.get('refresh_token') ?? '');
    }
  });
  return used;
}

test.describe('an access token with a lifetime of five seconds', () => {
  test.use({ accessTokenLifetime: 5 });

  test('is refreshed in the inbox, in a conversation, and while a message waits', async ({ signIn, stack }) => {
    const page = await signIn('sunyoung');
    const used = usedIn(page.context());
    const twiceMore = async () => {
      const before = used.length;
      await expect.poll(() => used.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + 2);
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
    await expect(sentMark(page, 'This one waits')).toBeAttached({ timeout: 60_000 });
    await expect(again(page)).toHaveCount(0);
    expect(new Set(used).size).toBe(used.length);
  });

  test('can expire during an outage of the issuer, after which the session continues', async ({ signIn }) => {
    const page = await signIn('sunyoung');
    await openConversation(page, 'Scarlett Ho');
    let refused = 0;
    await page.route('**/local/issuer/token', (route) => {
      refused += 1;
      return route.fulfill({ status: 503, json: { error: 'temporarily_unavailable' } });
    });
    await expect(page.getByText(t('banner.troubled'))).toBeVisible({ timeout: 30_000 });
    await say(page, 'Written meanwhile');
    await expect(message(page, 'Written meanwhile')).toBeVisible();
    await expect(again(page)).toHaveCount(0);
    expect(refused).toBeLessThan(12);

    // A page loaded now has no token, and still shows the waiting message.
    await page.reload();
    await expect(message(page, 'Written meanwhile')).toBeVisible();
    await page.unroute('**/local/issuer/token');
    await expect(sentMark(page, 'Written meanwhile')).toBeAttached({ timeout: 60_000 });
  });

  test("that can't be refreshed needs a new sign-in, which keeps drafts and unsent messages", async ({ signIn }) => {
    const page = await signIn('sunyoung');
    await openConversation(page, 'Scarlett Ho');
    await page.route('**/api/messages', (route) => route.fulfill({ status: 503, json: ['unavailable'] }));
    await say(page, 'Still to be sent');
    await composer(page).fill('Half a sentence');
    // The endpoint responds with another time of authentication than that of the sign-in.
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
    await expect(sentMark(page, 'Still to be sent')).toBeAttached({ timeout: 60_000 });
    await expect(composer(page)).toHaveValue('Half a sentence');
  });

  test('keeps two tabs signed in for three lifetimes, and every message arrives in both', async ({ signIn, stack }) => {
    const one = await signIn('sunyoung');
    const used = usedIn(one.context());
    const two = await one.context().newPage();
    await two.goto('/messages');
    const scarlett = await signIn('scarlett');
    const people = [one, two, scarlett];
    await openConversation(one, 'Scarlett Ho');
    await openConversation(two, 'Scarlett Ho');
    await openConversation(scarlett, 'Sunyoung Lee');
    const texts: string[] = [];
    for (let round = 1; used.length < 4; round += 1) {
      for (const [index, page] of people.entries()) {
        const text = `Round ${round}, page ${index + 1}.`;
        texts.push(text);
        await say(page, text);
        await expect(sentMark(page, text)).toBeAttached();
        // Later messages move this one out of the part of the list that is in the document.
        for (const other of people) {
          await expect(message(other, text)).toHaveCount(1);
        }
      }
    }
    const group = new URL(one.url()).pathname.split('/').at(-1) ?? '';
    const stored = (await (await stack.api('sunyoung')).messages(group)).map(({ message: text }) => text);
    expect(stored.filter((text) => text.startsWith('Round'))).toEqual(texts);
    for (const page of people) {
      await expect(again(page)).toHaveCount(0);
      await expect(welcome(page)).toHaveCount(0);
    }
    expect(new Set(used).size).toBe(used.length);
  });
});

test('a session lasts in a new tab and after a restart of the browser', async ({ stack, launchOptions }) => {
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
    await expect(sentMark(later, 'After a restart')).toBeAttached();
    await second.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('signing out in one tab signs out all tabs and removes everything', async ({ signIn }) => {
  const one = await signIn('sunyoung');
  const two = await one.context().newPage();
  await two.goto('/messages');
  await openConversation(two, 'Scarlett Ho');
  await composer(two).fill('Half a sentence');
  // The draft is stored after a pause.
  await expect.poll(() => two.evaluate(() => Object.keys(localStorage).some((key) => key.startsWith('cruddur.draft.')))).toBe(true);
  await one.getByRole('button', { name: t('signOut') }).click();
  await one.getByRole('button', { name: t('signOut.leave') }).click();
  await expect(welcome(one)).toBeVisible();
  await expect(welcome(two)).toBeVisible();
  expect(await two.evaluate(() => Object.keys(localStorage))).toEqual([]);
  // A sign-in in one tab signs in both.
  await signInAs(two, 'scarlett');
  await expect(inbox(one).getByRole('link', { name: 'Sunyoung Lee' })).toBeVisible();
});

test('a sign-out everywhere signs out here, and asks for a new sign-in on the other devices', async ({ signIn }) => {
  const [one, two] = [await signIn('sunyoung'), await signIn('sunyoung')];
  await one.getByRole('button', { name: t('settings'), exact: true }).click();
  const devices = one.locator('details').filter({ hasText: t('devices.everywhereHint') });
  // The sockets are opened after the lists are shown.
  await expect(async () => {
    await devices.evaluate((section: HTMLDetailsElement) => {
      section.open = false;
    });
    await devices.locator('summary').click();
    await expect(devices.getByRole('listitem')).toHaveCount(2, { timeout: 2000 });
  }).toPass();
  const own = t('devices.own', { device: '' }).replace(/[\u2068\u2069]/g, '').trim();
  await expect(devices.getByRole('listitem').filter({ hasText: own })).toHaveCount(1);
  await expect(devices.getByRole('listitem').filter({ hasText: 'Chrome' })).toHaveCount(2);

  await devices.getByRole('button', { name: t('devices.everywhere') }).click();
  const question = devices.getByRole('alertdialog', { name: t('signOut.label') });
  await expect(question.getByRole('button', { name: t('signOut.stay') })).toBeFocused();
  await one.screenshot({ path: test.info().outputPath('devices.png') });
  await question.getByRole('button', { name: t('devices.everywhere') }).click();
  await expect(welcome(one)).toBeVisible();
  expect(await one.evaluate(() => Object.keys(localStorage))).toEqual([]);

  await inbox(two).getByRole('link', { name: 'Scarlett Ho' }).click();
  await again(two).click();
  await expect(two).toHaveURL(/[?&]prompt=login(?:&|$)/);
  await two.getByRole('button', { name: '@sunyoung' }).click();
  await say(two, 'Signed in again');
  await expect(sentMark(two, 'Signed in again')).toBeAttached();
  await expect(again(two)).toHaveCount(0);

  await signInAs(one, 'sunyoung');
  await expect(inbox(one).getByRole('link', { name: 'Scarlett Ho' })).toContainText('Signed in again');
});

test('a session of one tab is not shared with other tabs', async ({ browser, stack }) => {
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

  // A duplicate of the first tab has its sessionStorage.
  const copied = await one.evaluate(() => Object.entries(sessionStorage));
  const copy = await context.newPage();
  await copy.goto('/favicon.svg');
  await copy.evaluate((entries) => {
    for (const [key, value] of entries) {
      sessionStorage.setItem(key, value);
    }
  }, copied);
  await copy.goto('/messages');
  await expect(copy.getByRole('status')).toContainText(t('welcome.copy'));
  await expect(welcome(copy)).toBeVisible();

  await one.getByRole('button', { name: t('signOut') }).click();
  await expect(welcome(one)).toBeVisible();
  await two.reload();
  await expect(inbox(two).getByRole('link', { name: 'Sunyoung Lee' })).toBeVisible();
});

for (const denied of [['sessionStorage'], ['localStorage', 'indexedDB']]) {
  test(`signing in and sending work without ${denied.join(' and ')}`, async ({ browser, stack }) => {
    const page = await withoutStorage(browser.newContext({ baseURL: stack.url }), denied);
    await page.goto('/messages');
    await signInAs(page, 'sunyoung');
    await openConversation(page, 'Scarlett Ho');
    await say(page, 'From a strict browser');
    await expect(sentMark(page, 'From a strict browser')).toBeAttached();
    await page.reload();
    await expect(message(page, 'From a strict browser')).toBeVisible();
  });
}

test('without any storage the page explains what to allow', async ({ browser, stack }) => {
  const page = await withoutStorage(browser.newContext({ baseURL: stack.url }), ['sessionStorage', 'localStorage', 'indexedDB']);
  await page.goto('/messages');
  await welcome(page).click();
  await expect(page.getByRole('alert')).toContainText(t('signIn.noStorage'));
});

async function withoutStorage(context: Promise<BrowserContext>, denied: string[]): Promise<Page> {
  const page = await (await context).newPage();
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
