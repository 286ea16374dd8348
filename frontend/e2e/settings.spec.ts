import { readFile } from 'node:fs/promises';
import { type Page, composer, expect, inbox, message, messages, openConversation, openMenu, say, sentMark, t, test } from './test.ts';

const row = (page: Page, name: string) => inbox(page).getByRole('link', { name });
const muted = (page: Page, name: string) => row(page, name).getByText(t('inbox.muted'), { exact: true });

async function choose(page: Page, ...items: Parameters<typeof t>[0][]): Promise<void> {
  await page.getByRole('button', { name: t('conversation.menu') }).click();
  for (const item of items) {
    await page.getByRole('menuitem', { name: t(item) }).click();
  }
}

async function chooseOfRow(page: Page, name: string, ...items: Parameters<typeof t>[0][]): Promise<void> {
  // The code of the menu is loaded a moment after the page.
  await expect(async () => {
    await row(page, name).click({ button: 'right' });
    await expect(page.getByRole('menu')).toBeVisible({ timeout: 1000 });
  }).toPass();
  for (const item of items) {
    await page.getByRole('menuitem', { name: t(item) }).click();
  }
}

/** The next response to a change of a conversation's settings. */
const changed = (page: Page) =>
  page.waitForResponse((response) => response.request().method() === 'PATCH' && response.url().includes('/api/message_groups/'));

test('a muted conversation is quiet on every device until it is unmuted', async ({ signIn, stack }) => {
  const [one, two] = [await signIn('sunyoung'), await signIn('sunyoung')];
  await openConversation(one, 'Andrew Brown');
  await openConversation(one, 'Scarlett Ho');
  await expect(one).not.toHaveTitle(/^\(/);
  const muting = changed(one);
  await choose(one, 'mute.start', 'mute.hours');
  expect((await muting).status()).toBe(204);
  await expect(muted(one, 'Scarlett Ho')).toBeAttached();
  await expect(one.locator('.cruddur-conversation-head').getByText(t('inbox.muted'), { exact: true })).toBeAttached();
  await expect(muted(two, 'Scarlett Ho')).toBeAttached();

  await openConversation(one, 'Andrew Brown');
  await expect(two).not.toHaveTitle(/^\(/);
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Quiet news');
  await expect(row(two, 'Scarlett Ho')).toContainText('Quiet news');
  await expect(row(two, 'Scarlett Ho').locator('.cruddur-count')).toBeVisible();
  await expect(muted(two, 'Scarlett Ho')).toBeAttached();
  await expect(two).not.toHaveTitle(/^\(/);

  await two.reload();
  await expect(muted(two, 'Scarlett Ho')).toBeAttached();
  await openConversation(one, 'Scarlett Ho');
  await choose(one, 'mute.end');
  await expect(muted(one, 'Scarlett Ho')).toHaveCount(0);
  await expect(muted(two, 'Scarlett Ho')).toHaveCount(0);

  await chooseOfRow(two, 'Scarlett Ho', 'mute.start', 'mute.forever');
  await expect(muted(one, 'Scarlett Ho')).toBeAttached();
  await chooseOfRow(two, 'Scarlett Ho', 'mute.end');
  await expect(muted(one, 'Scarlett Ho')).toHaveCount(0);
  // The conversation that is open stays so.
  await chooseOfRow(one, 'Andrew Brown', 'hide.start');
  await expect(row(two, 'Andrew Brown')).toHaveCount(0);
  await expect(composer(one)).toBeVisible();
});

test('a hidden conversation leaves the inbox of every device, and returns with its next message', async ({ signIn, stack }) => {
  const [one, two] = [await signIn('sunyoung'), await signIn('sunyoung')];
  await expect(row(two, 'Scarlett Ho')).toBeVisible();
  await openConversation(one, 'Scarlett Ho');
  const hiding = changed(one);
  await choose(one, 'hide.start');
  await expect(one).toHaveURL(/\/messages$/);
  await expect(row(one, 'Scarlett Ho')).toHaveCount(0);
  expect((await hiding).status()).toBe(204);
  await expect(row(two, 'Scarlett Ho')).toHaveCount(0);
  // The server's list leaves the conversation out a moment after the change.
  await expect(async () => {
    await one.goto('/messages');
    await expect(row(one, 'Andrew Brown')).toBeVisible();
    await expect(row(one, 'Scarlett Ho')).toHaveCount(0);
  }).toPass();
  await one.goto('/messages/new/@scarlett');
  await expect(messages(one)).not.toHaveCount(0);
  await expect(row(one, 'Scarlett Ho')).toHaveCount(0);
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Back again');
  for (const page of [one, two]) {
    await expect(row(page, 'Scarlett Ho')).toContainText('Back again');
  }
});

test('a cleared conversation is empty on every device, and the other person keeps theirs', async ({ signIn }) => {
  const [one, two, scarlett] = [await signIn('sunyoung'), await signIn('sunyoung'), await signIn('scarlett')];
  await openConversation(scarlett, 'Sunyoung Lee');
  for (const page of [one, two]) {
    await openConversation(page, 'Scarlett Ho');
  }
  await say(one, 'Soon gone here');
  for (const page of [one, two, scarlett]) {
    await expect(message(page, 'Soon gone here')).toBeVisible();
  }
  await expect(sentMark(one, 'Soon gone here')).toBeAttached();
  await choose(one, 'clear.start');
  const question = one.getByRole('dialog', { name: t('clear.title') });
  await expect(question.getByRole('button', { name: t('clear.no') })).toBeFocused();
  const clearing = changed(one);
  await question.getByRole('button', { name: t('clear.yes'), exact: true }).click();
  await expect(messages(one)).toHaveCount(0);
  expect((await clearing).status()).toBe(204);
  await expect(row(one, 'Scarlett Ho')).toContainText(t('inbox.cleared'));
  await expect(messages(two)).toHaveCount(0);
  await expect(row(two, 'Scarlett Ho')).toContainText(t('inbox.cleared'));
  await expect(message(scarlett, 'Soon gone here')).toBeVisible();

  await say(scarlett, 'A new beginning');
  for (const page of [one, two]) {
    await expect(messages(page)).toHaveText([/A new beginning/]);
    await expect(row(page, 'Scarlett Ho')).toContainText('A new beginning');
    await page.reload();
    await expect(messages(page)).toHaveText([/A new beginning/]);
    await expect(page.getByText(t('clear.done'))).toBeVisible();
  }
});

test('a message is reported, and its sender is blocked', async ({ signIn, stack }) => {
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Something unpleasant');
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await openMenu(page, 'Something unpleasant');
  await page.getByRole('menuitem', { name: t('menu.report') }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByText(t('report.text'))).toBeVisible();
  await dialog.getByRole('radio', { name: t('report.harassment') }).check();
  const reporting = page.waitForResponse(/\/api\/reports$/);
  await dialog.getByRole('button', { name: t('report.yes'), exact: true }).click();
  expect((await reporting).status()).toBe(201);
  await expect(dialog.getByText(t('report.sent'))).toBeVisible();
  await expect(dialog.getByRole('button', { name: t('report.close'), exact: true })).toBeFocused();
  await dialog.getByRole('button', { name: t('block.yes'), exact: true }).click();
  await expect(page.getByRole('group', { name: t('block.label') })).toBeVisible();
  await expect(composer(page)).toHaveCount(0);
});

test('the settings have a download of everything that the person sees', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'For the export');
  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  const downloading = page.waitForEvent('download');
  await page.getByRole('button', { name: t('settings.download') }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/^sunyoung-\d{4}-\d\d-\d\d\.jsonl$/);
  await expect(page.getByText(t('settings.exported'))).toBeVisible();
  const text = await readFile(await download.path(), 'utf8');
  const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines[0]).toMatchObject({ me: { handle: 'sunyoung' } });
  expect(lines).toContainEqual(expect.objectContaining({ message: expect.objectContaining({ message: 'For the export' }) as unknown }));
});

test('a chosen theme applies at once, and from the first paint of later pages', async ({ signIn }) => {
  const page = await signIn('sunyoung', { colorScheme: 'light' });
  const look = () =>
    page.evaluate(() => ({
      text: getComputedStyle(document.querySelector('#root') ?? document.body).color,
      bars: [...document.querySelectorAll('meta')].find(({ name, media }) => name === 'theme-color' && matchMedia(media).matches)?.content,
    }));
  const light = await look();
  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  await expect(page.getByRole('dialog')).toBeFocused();
  await expect(page.getByRole('dialog')).toHaveCSS('outline-style', 'none');
  const choice = page.getByRole('combobox', { name: t('settings.theme') });
  await choice.selectOption(t('settings.dark'));
  const dark = await look();
  expect(dark.text).not.toBe(light.text);
  expect(dark.bars).not.toBe(light.bars);

  // Without the scripts of the page, only the placeholder is painted.
  await page.route(/assets\/index-[^/]*\.js$/, (route) => route.abort());
  await page.reload();
  expect(await look()).toEqual(dark);
  await page.unroute(/assets\/index-[^/]*\.js$/);
  await page.reload();
  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  await expect(choice).toHaveValue('dark');
  await choice.selectOption(t('settings.system'));
  expect(await look()).toEqual(light);
});
