import { readFile, readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Site } from './site.ts';
import { type Page, expect, inbox, message, openConversation, say, sentMark, signInAs, t, test } from './test.ts';

test.use({ serviceWorkers: 'allow' });

const GREETING = 'Do you have a network?';
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

/** Waits until the worker has stored the page. */
async function expectStored(page: Page): Promise<void> {
  await page.waitForFunction(() => navigator.serviceWorker.controller?.state === 'activated');
}

test('the page starts without a network, and with a slow one, and shows its last messages', async ({ browser, stack }) => {
  const site = await Site.of(stack);
  const page = await (await browser.newContext({ baseURL: site.url })).newPage();
  await page.goto('/messages');
  await signInAs(page, 'sunyoung');
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, GREETING);
  await openConversation(page, 'Scarlett Ho');
  await expect(message(page, GREETING)).toBeVisible();
  await expectStored(page);
  await page.waitForFunction(() => Object.keys(localStorage).filter((key) => key.startsWith('cruddur.lists.')).length === 2);
  const stored = await page.evaluate(async () => {
    const requests = (await caches.keys()).map(async (name) => (await caches.open(name)).keys());
    return (await Promise.all(requests)).flat().map(({ url }) => new URL(url).pathname);
  });
  expect(stored.filter((path) => path !== '/' && path !== '/config.json' && !path.startsWith('/assets/'))).toEqual([]);

  site.delayMillis = 60_000;
  await page.reload();
  await expect(inbox(page)).toBeVisible();
  site.delayMillis = 0;
  await page.context().setOffline(true);
  await page.reload();
  await expect(page.getByText(t('banner.offline'))).toBeVisible();
  await expect(inbox(page).getByRole('link', { name: 'Scarlett Ho' })).toBeVisible();
  await expect(message(page, GREETING)).toBeVisible();
  await say(page, 'From the train');
  await page.context().setOffline(false);
  await expect(sentMark(page, 'From the train')).toBeAttached();

  await page.getByRole('button', { name: t('signOut') }).click();
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  expect(await page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('cruddur.lists.')))).toEqual([]);
  await site.stop();
});

test('a deployment is used at the next load, and the open page still loads parts of its own version', async ({ browser, stack }) => {
  const site = await Site.of(stack);
  const page = await (await browser.newContext({ baseURL: site.url })).newPage();
  await page.goto('/messages');
  await signInAs(page, 'sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await expectStored(page);

  // The new version has none of the files of the old one but those of the start.
  const [html = '', worker = ''] = await Promise.all(['index.html', 'service-worker.js'].map((name) => readFile(DIST + name, 'utf8')));
  const pages = (await readdir(`${DIST}assets`)).filter((name) => /^pages-.*\.(?:js|css)$/.test(name));
  site.replaced.set('index.html', html.replace('<html ', '<html data-version="new" '));
  const withoutPages = pages.reduce((script, name) => script.replace(`\`assets/${name}\`,`, ''), worker);
  site.replaced.set('service-worker.js', withoutPages.replace(/`[0-9a-f]{16}`/, '`new`'));
  for (const name of pages) {
    site.replaced.set(`assets/${name}`, null);
  }
  const other = await page.context().newPage();
  // Within three seconds, or the stored page is shown.
  await expect(async () => {
    await other.goto('/messages');
    await expect(other.locator('html[data-version=new]')).toHaveCount(1, { timeout: 1000 });
  }).toPass();
  await expect.poll(() => other.evaluate(async () => (await caches.keys()).some((name) => name.endsWith(' new')))).toBe(true);
  await other.waitForFunction(async () => (await navigator.serviceWorker.getRegistration())?.installing === null);

  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await site.stop();
});
