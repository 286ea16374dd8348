import { type Page, PHONE, composer, expect, inbox, message, openConversation, openMenu, say, sentMark, t, test } from './test.ts';

const row = (page: Page, name: string) => inbox(page).getByRole('link', { name });
const field = (page: Page) => page.getByRole('textbox', { name: t('search.title') });

test('the search in a conversation loads older messages, marks the matches and scrolls to them', async ({ signIn, stack }) => {
  const scarlett = await stack.api('scarlett');
  await scarlett.send({ handle: 'sunyoung' }, 'A needle far up');
  for (let index = 0; index < 120; index += 1) {
    // One after another, so that they keep their order.
    // oxlint-disable-next-line no-await-in-loop
    await scarlett.send({ handle: 'sunyoung' }, `Hay ${index}`);
  }
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await expect(page.getByRole('heading', { name: t('messages.firstUnread') })).toBeVisible();
  await composer(page).press('Control+f');
  await expect(field(page)).toBeFocused();
  await field(page).fill('NEEDLE');
  await expect(page.getByText(t('search.place', { index: 1, count: 1 }), { exact: true })).toBeVisible();
  await expect(message(page, 'A needle far up')).toBeInViewport();
  await expect(field(page)).toBeFocused();
  const marks = () => page.evaluate(() => [...(CSS.highlights.get('cruddur-match-current') ?? [])].map(String));
  await expect.poll(marks).toEqual(['needle']);
  await field(page).press('Escape');
  await expect(composer(page)).toBeFocused();
  await expect.poll(marks).toEqual([]);
});

test('keys open the search, other conversations, and the list of keys', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await expect(composer(page)).toBeFocused();
  const search = page.getByRole('combobox', { name: t('start.field') });
  await expect(async () => {
    await page.keyboard.press('Control+k');
    await expect(search).toBeFocused({ timeout: 500 });
  }).toPass();
  await page.keyboard.press('Escape');
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press('Alt+ArrowDown');
  await expect(page.getByRole('heading', { name: 'Andrew Brown' })).toBeVisible();
  await page.keyboard.press('Alt+ArrowUp');
  await expect(page.getByRole('heading', { name: 'Scarlett Ho' })).toBeVisible();
  await composer(page).blur();
  await page.keyboard.press('?');
  await expect(page.getByRole('dialog', { name: t('keys.title') })).toBeVisible();
  // A second copy of a style sheet would override later ones.
  const sheets = await page.evaluate(() => [...document.styleSheets].map(({ href }) => href));
  expect(sheets).toEqual([...new Set(sheets)]);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
});

test('a draft is shown in the list of every tab', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  const tab = await page.context().newPage();
  await tab.goto('/messages');
  await openConversation(page, 'Scarlett Ho');
  await composer(page).fill('Not yet');
  await expect(row(tab, 'Scarlett Ho')).toContainText('Not yet');
  await expect(row(page, 'Scarlett Ho')).not.toContainText('Not yet');
  await openConversation(page, 'Andrew Brown');
  await expect(row(page, 'Scarlett Ho')).toContainText('Not yet');
});

test('on phones, Back pops the history, and a swipe replies', async ({ signIn }) => {
  const page = await signIn('sunyoung', PHONE);
  const before = await page.evaluate(() => history.length);
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'To be swiped');
  await expect(sentMark(page, 'To be swiped')).toBeAttached();
  await swipe(page, 'To be swiped', 20);
  await expect(page.locator('.cruddur-composer-reply')).toHaveCount(0);
  await expect(async () => {
    // On a slow machine, the touch can be a long press.
    if (await page.getByRole('menu').isVisible()) {
      await page.keyboard.press('Escape');
    }
    await swipe(page, 'To be swiped', 120);
    await expect(page.locator('.cruddur-composer-reply')).toContainText('To be swiped', { timeout: 1000 });
  }).toPass();
  await page.getByRole('link', { name: t('conversation.back') }).click();
  await expect(inbox(page)).toBeVisible();
  await expect(page).toHaveURL(/\/messages$/);
  await openConversation(page, 'Andrew Brown');
  expect(await page.evaluate(() => history.length)).toBe(before + 1);
});

test("the browser's close request, which is Back on Android, closes what is open, the topmost first", async ({ signIn }) => {
  const page = await signIn('sunyoung', PHONE);
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'With a menu');
  await expect(sentMark(page, 'With a menu')).toBeAttached();
  // On desktops, Escape is a close request unless the focused element handles the key.
  const request = async () => {
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('Escape');
  };
  await page.getByRole('button', { name: t('conversation.menu') }).tap();
  await page.getByRole('menuitem', { name: t('search.title') }).tap();
  await expect(field(page)).toBeVisible();
  await openMenu(page, 'With a menu');
  await request();
  await expect(page.getByRole('menu')).toHaveCount(0);
  await page.getByRole('button', { name: t('composer.emoji') }).tap();
  const emoji = page.getByRole('dialog', { name: t('emoji.label') });
  await expect(emoji).toBeVisible();
  await request();
  await expect(emoji).toHaveCount(0);
  await expect(field(page)).toBeVisible();
  await request();
  await expect(field(page)).toHaveCount(0);
  await expect(composer(page)).toBeVisible();

  // Before the field has had the focus, there is no caret.
  await composer(page).fill('Well');
  await page.reload();
  await expect(composer(page)).toHaveValue('Well');
  await page.getByRole('button', { name: t('composer.emoji') }).tap();
  await emoji.getByRole('gridcell').first().tap();
  await expect(composer(page)).toHaveValue('Well😀');
});

/** Swipes a message by touch, towards the end of the line. */
async function swipe(page: Page, text: string, distance: number): Promise<void> {
  const { x = 0, y = 0, width = 0, height = 0 } = (await message(page, text).locator('.cruddur-bubble').boundingBox()) ?? {};
  const sign = (await page.locator('html').getAttribute('dir')) === 'rtl' ? -1 : 1;
  const client = await page.context().newCDPSession(page);
  const at = (moved: number) => [{ x: x + width / 2 + sign * moved, y: y + height / 2 }];
  await client.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: at(0) });
  for (let moved = distance / 4; moved <= distance; moved += distance / 4) {
    // oxlint-disable-next-line no-await-in-loop
    await client.send('Input.dispatchTouchEvent', { type: 'touchMove', touchPoints: at(moved) });
  }
  await client.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}
