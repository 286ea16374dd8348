import type { CDPSession } from '@playwright/test';
import type { Api } from './stack.ts';
import { type Page, PHONE, composer, expect, inbox, message, messages, openConversation, openMenu, say, sentMark, t, test } from './test.ts';

const menu = (page: Page) => page.getByRole('menu', { name: t('menu.label') });
const choose = (page: Page, name: Parameters<typeof t>[0]) => menu(page).getByRole('menuitem', { name: t(name), exact: true }).click();
const row = (page: Page, name: string) => inbox(page).getByRole('link', { name });
const badge = (page: Page, name: string, count: number) => row(page, name).getByText(t('inbox.unread', { count }), { exact: true });
const groupOf = (page: Page) => new URL(page.url()).pathname.split('/').at(-1) ?? '';

/** The number of unread messages of a group, as the API counts them. */
async function unreadOf(api: Api, group: string): Promise<number | undefined> {
  const groups = (await (await api.fetch('/api/message_groups')).json()) as { uuid: string; unread_count: number }[];
  return groups.find(({ uuid }) => uuid === group)?.unread_count;
}

test('unread messages are counted until their end is seen, on every device', async ({ signIn, stack }) => {
  const [one, two] = [await signIn('sunyoung'), await signIn('sunyoung')];
  await openConversation(one, 'Andrew Brown');
  await expect(badge(one, 'Scarlett Ho', 1)).toBeAttached();
  await expect(one).toHaveTitle(/^\(\S+\) /);
  const scarlett = await stack.api('scarlett');
  await scarlett.send({ handle: 'sunyoung' }, 'First news');
  await scarlett.send({ handle: 'sunyoung' }, 'Second news');
  await expect(badge(one, 'Scarlett Ho', 3)).toBeAttached();
  await expect(badge(two, 'Scarlett Ho', 3)).toBeAttached();

  await openConversation(one, 'Scarlett Ho');
  const divider = one.getByRole('heading', { name: t('messages.firstUnread') });
  await expect(divider).toBeVisible();
  await expect(row(one, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);
  await expect(row(two, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);
  await expect(one).not.toHaveTitle(/^\(/);
  await expect(divider).toBeVisible();
  const api = await stack.api('sunyoung');
  await expect.poll(() => unreadOf(api, groupOf(one))).toBe(0);

  await openMenu(one, 'Second news');
  await choose(one, 'menu.markUnread');
  await expect(badge(one, 'Scarlett Ho', 1)).toBeAttached();
  await expect(badge(two, 'Scarlett Ho', 1)).toBeAttached();
  await row(two, 'Scarlett Ho').click({ button: 'right' });
  await two.getByRole('menuitem', { name: t('inbox.markRead') }).click();
  await expect(row(one, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);
  await row(two, 'Scarlett Ho').click({ button: 'right' });
  await two.getByRole('menuitem', { name: t('inbox.markUnread') }).click();
  await expect(badge(two, 'Scarlett Ho', 1)).toBeAttached();
  await expect(badge(one, 'Scarlett Ho', 1)).toBeAttached();
  await row(one, 'Scarlett Ho').click();
  await expect(row(two, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);

  await api.send({ handle: 'lore' }, 'Anyone?');
  await row(two, '@lore').click({ button: 'right' });
  await two.getByRole('menuitem', { name: t('inbox.markUnread') }).click();
  await expect(two.getByRole('alert')).toContainText(/Lore/);
});

test('on a phone, Back keeps messages unread and leads to their conversation, and a tap beside a menu only closes it', async ({ signIn }) => {
  const page = await signIn('sunyoung', PHONE);
  await openConversation(page, 'Scarlett Ho');
  await expect(row(page, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);
  await openMenu(page, 'from the train');
  await choose(page, 'menu.markUnread');
  await page.getByRole('link', { name: t('conversation.back') }).tap();
  await expect(badge(page, 'Scarlett Ho', 1)).toBeVisible();
  await expect(row(page, 'Scarlett Ho')).toBeFocused();
  await page.waitForTimeout(1500);
  await expect(badge(page, 'Scarlett Ho', 1)).toBeVisible();

  await row(page, 'Scarlett Ho').click({ button: 'right' });
  await expect(page.getByRole('menu')).toBeVisible();
  const { x, y } = (await row(page, 'Andrew Brown').boundingBox()) ?? { x: 0, y: 0 };
  await page.touchscreen.tap(x + 5, y + 5);
  await expect(page.getByRole('menu')).toHaveCount(0);
  await expect(row(page, 'Andrew Brown')).toBeVisible();
  await row(page, 'Scarlett Ho').click({ button: 'right' });
  await page.getByRole('menuitem', { name: t('inbox.markRead') }).click();
  await expect(row(page, 'Scarlett Ho').locator('.cruddur-count')).toHaveCount(0);
  await row(page, 'Scarlett Ho').click({ button: 'right' });
  await page.getByRole('menuitem', { name: t('hide.start') }).click();
  await expect(row(page, 'Andrew Brown')).toBeFocused();
});

test('"Seen" appears when the other user has seen a message, unless one of both has turned receipts off', async ({ signIn }) => {
  const [sunyoung, scarlett] = [await signIn('sunyoung'), await signIn('scarlett')];
  await openConversation(sunyoung, 'Scarlett Ho');
  await say(sunyoung, 'Do you see this?');
  await expect(sentMark(sunyoung, 'Do you see this?')).toBeAttached();
  const seen = message(sunyoung, 'Do you see this?').getByText(t('message.seen'), { exact: true });
  await expect(seen).toHaveCount(0);
  await openConversation(scarlett, 'Sunyoung Lee');
  await expect(seen).toBeVisible();

  await scarlett.getByRole('button', { name: t('settings'), exact: true }).click();
  const receipts = scarlett.getByRole('switch', { name: t('settings.receipts') });
  await receipts.click();
  await expect(receipts).not.toBeChecked();
  await scarlett.getByRole('button', { name: t('settings.close') }).click();
  await say(sunyoung, 'And this?');
  await expect(message(scarlett, 'And this?')).toBeVisible();
  await sunyoung.reload();
  await expect(message(sunyoung, 'And this?')).toBeVisible();
  await expect(sunyoung.getByText(t('message.seen'), { exact: true })).toHaveCount(0);
});

test('an own message is edited and deleted, and the other user sees it', async ({ signIn }) => {
  const [sunyoung, scarlett] = [await signIn('sunyoung'), await signIn('scarlett')];
  await openConversation(sunyoung, 'Scarlett Ho');
  await openConversation(scarlett, 'Sunyoung Lee');
  await say(sunyoung, 'A mistkae');
  await expect(message(scarlett, 'A mistkae')).toBeVisible();
  await expect(sentMark(sunyoung, 'A mistkae')).toBeAttached();

  await composer(sunyoung).press('ArrowUp');
  const editor = sunyoung.getByRole('textbox', { name: t('edit.field') });
  await expect(editor).toBeFocused();
  await editor.fill('Thrown away');
  await editor.press('Escape');
  await expect(message(sunyoung, 'A mistkae')).toBeVisible();
  await expect(composer(sunyoung)).toBeFocused();
  await composer(sunyoung).press('ArrowUp');
  await editor.fill('A mistake');
  await editor.press('Enter');
  await expect(message(scarlett, 'A mistake').getByText(t('message.edited'))).toBeVisible();
  await expect(row(scarlett, 'Sunyoung Lee')).toContainText('A mistake');

  await openMenu(sunyoung, 'A mistake');
  await choose(sunyoung, 'menu.delete');
  await sunyoung.getByRole('button', { name: t('delete.yes') }).click();
  await expect(sunyoung.getByText(t('message.deletedByYou'))).toBeVisible();
  await expect(scarlett.getByText(t('message.deleted'))).toBeVisible();
  await expect(row(scarlett, 'Sunyoung Lee')).toContainText(t('inbox.deleted'));
  await expect(scarlett.getByText('A mistake')).toHaveCount(0);
});

test('a reply and an edit that are not finished outlive a reload and a look at another conversation', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'To be edited');
  await say(page, 'To be deleted');
  await expect(sentMark(page, 'To be deleted')).toBeAttached();
  const editor = page.getByRole('textbox', { name: t('edit.field') });
  const quote = page.locator('.cruddur-composer-reply');
  await message(page, 'To be edited').hover();
  await message(page, 'To be edited').getByRole('button', { name: t('menu.reply'), exact: true }).click();
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('The reply');
  await openMenu(page, 'To be edited');
  await choose(page, 'menu.edit');
  await editor.fill('Half an ed');
  await openConversation(page, 'Andrew Brown');
  await expect(editor).toHaveCount(0);
  await expect(row(page, 'Scarlett Ho')).toContainText('The reply');
  await openConversation(page, 'Scarlett Ho');
  await expect(editor).toHaveValue('Half an ed');
  await expect(quote).toContainText('To be edited');
  await composer(page).fill('');
  await openConversation(page, 'Andrew Brown');
  await expect(row(page, 'Scarlett Ho')).toContainText('Half an ed');
  await openConversation(page, 'Scarlett Ho');
  await page.reload();
  await expect(editor).toHaveValue('Half an ed');
  await expect(editor).toBeFocused();
  await expect(quote).toContainText('To be edited');
  await composer(page).fill('The reply');
  await page.keyboard.press('Enter');
  await expect(message(page, 'The reply').locator('.cruddur-quote')).toContainText('To be edited');
  await expect(quote).toHaveCount(0);

  // The text of an edit that is not finished is not lost either when another one begins, or the message is deleted.
  await composer(page).press('ArrowUp');
  await expect(editor).toBeFocused();
  await expect(editor).toHaveValue('Half an ed');
  await openMenu(page, 'To be deleted');
  await choose(page, 'menu.edit');
  await expect(composer(page)).toHaveValue('Half an ed');
  await expect(page.getByText(t('edit.moved'))).toBeVisible();
  await composer(page).fill('');
  await editor.fill('Too late');
  const api = await stack.api('sunyoung');
  const deleted = (await api.messages(groupOf(page))).find(({ message: text }) => text === 'To be deleted');
  const time = encodeURIComponent(deleted?.created_at ?? '');
  await api.fetch(`/api/messages/${groupOf(page)}/${deleted?.uuid}?created_at=${time}`, { method: 'DELETE' });
  await expect(composer(page)).toHaveValue('Too late');
  await expect(editor).toHaveCount(0);
});

test('a change that the server rejects is undone and explained', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'Before');
  await expect(sentMark(page, 'Before')).toBeAttached();
  await page.route(/\/api\/messages\/[^/]+\/[^/]+$/, (route) => route.fulfill({ status: 403, json: ['edit_window_over'] }));
  await composer(page).press('ArrowUp');
  await page.getByRole('textbox', { name: t('edit.field') }).fill('After');
  await page.keyboard.press('Enter');
  const problem = page.getByText(t('message.notChanged', { reason: t('code.edit_window_over') }));
  await expect(problem).toBeVisible();
  await expect(message(page, 'Before')).toBeVisible();
  await message(page, 'Before').getByRole('button', { name: t('message.dismiss') }).click();
  await expect(problem).toHaveCount(0);
});

test('reactions and replies reach the other user, and a quote leads to its message', async ({ signIn, stack }) => {
  const api = await stack.api('scarlett');
  for (let number = 1; number <= 25; number += 1) {
    await api.send({ handle: 'sunyoung' }, `Number ${number}.`);
  }
  const [sunyoung, scarlett] = [await signIn('sunyoung'), await signIn('scarlett')];
  await openConversation(sunyoung, 'Scarlett Ho');
  await openConversation(scarlett, 'Sunyoung Lee');
  await expect(message(sunyoung, 'Number 5.')).toBeInViewport();

  await openMenu(sunyoung, 'Number 5.');
  await menu(sunyoung).getByRole('menuitemcheckbox').first().click();
  const chip = (page: Page) => message(page, 'Number 5.').locator('.cruddur-reaction');
  await expect(chip(sunyoung)).toHaveAttribute('aria-pressed', 'true');
  await openMenu(sunyoung, 'Number 5.');
  await choose(sunyoung, 'menu.reply');
  await expect(composer(sunyoung)).toBeFocused();
  await sunyoung.keyboard.type('About number five');
  await sunyoung.keyboard.press('Enter');
  const reply = message(scarlett, 'About number five');
  await expect(reply.locator('.cruddur-quote')).toContainText('Number 5.');

  await reply.locator('.cruddur-quote').click();
  await expect(message(scarlett, 'Number 5.').first()).toBeInViewport();
  await expect(message(scarlett, 'Number 5.').first()).toBeFocused();
  await expect(chip(scarlett)).toHaveAttribute('aria-pressed', 'false');
  await message(sunyoung, 'About number five').locator('.cruddur-quote').click();
  await expect(chip(sunyoung)).toBeVisible();
  await chip(scarlett).click();
  await expect(chip(sunyoung)).toContainText(/[2٢]/);
  await chip(scarlett).click();
  await expect(chip(sunyoung)).not.toContainText(/[2٢]/);
});

test('what is typed after a choice with the mouse goes into the text field', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'Good night');
  await expect(sentMark(page, 'Good night')).toBeAttached();
  await message(page, 'Good night').hover();
  await message(page, 'Good night').getByRole('button', { name: t('message.menu') }).click();
  await menu(page).getByRole('menuitemcheckbox').first().click();
  await expect(message(page, 'Good night').locator('.cruddur-reaction')).toBeVisible();
  await page.keyboard.type('See ');
  await openMenu(page, 'Good night');
  await choose(page, 'menu.copy');
  await page.keyboard.type('you ');
  await page.getByRole('button', { name: t('conversation.menu') }).click();
  await page.keyboard.press('Escape');
  await page.keyboard.type('soon');
  await expect(composer(page)).toHaveValue('See you soon');
});

test('a right click opens the menu also while the messages scroll', async ({ signIn }) => {
  const page = await signIn('sunyoung', { viewport: { width: 1180, height: 500 } });
  await openConversation(page, 'Scarlett Ho');
  await expect(messages(page).last()).toBeVisible();
  const { x, y, width } = await messages(page).last().evaluate((element) => element.getBoundingClientRect());
  // During scrolling, the virtualizer ignores clicks on its rows unless the styles override it.
  await page.locator('.cruddur-message-box').evaluate((box) => {
    let step = 1;
    setInterval(() => box.scrollBy(0, (step = -step)), 20);
  });
  await page.waitForTimeout(500);
  await page.mouse.click(x + width - 40, y + 15, { button: 'right' });
  await expect(menu(page)).toBeVisible();
});

test('the emoji picker adds reactions, and inserts at the caret of the text field', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  const violations: string[] = [];
  page.on('console', (line) => line.type() === 'error' && violations.push(line.text()));
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'React to this');
  await expect(sentMark(page, 'React to this')).toBeAttached();
  await openMenu(page, 'React to this');
  await choose(page, 'menu.otherEmoji');
  const picker = page.getByRole('dialog', { name: t('emoji.label') });
  const search = picker.getByRole('searchbox', { name: t('emoji.search') });
  await search.fill('🥳');
  await expect(picker.getByRole('option')).toHaveText(['🥳']);
  await page.keyboard.press('Enter');
  await expect(message(page, 'React to this').locator('.cruddur-reaction')).toHaveText('🥳');
  await expect(picker).toHaveCount(0);

  await composer(page).fill('Now, please');
  for (let presses = 0; presses < ', please'.length; presses += 1) {
    await page.keyboard.press('ArrowLeft');
  }
  await page.getByRole('button', { name: t('composer.emoji') }).click();
  await expect(search).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await expect(composer(page)).toHaveValue('Now😃, please');
  await expect(composer(page)).toBeFocused();
  await composer(page).fill('');
  await page.getByRole('button', { name: t('composer.emoji') }).click();
  await search.fill('🥳');
  await page.keyboard.press('Enter');
  await expect(composer(page)).toHaveValue('🥳');
  await page.keyboard.press('Backspace');
  await openConversation(page, 'Andrew Brown');
  await openConversation(page, 'Scarlett Ho');
  await expect(composer(page)).toHaveValue('');
  await page.getByRole('button', { name: t('composer.emoji') }).click();
  await expect(search).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(picker).toHaveCount(0);
  await expect(composer(page)).toBeFocused();
  expect(violations).toEqual([]);
});

test('the menu of a message opens by its button, the keyboard and a long press', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await say(page, 'The last one');
  await expect(sentMark(page, 'The last one')).toBeAttached();
  await message(page, 'The last one').hover();
  await message(page, 'The last one').getByRole('button', { name: t('message.menu') }).click();
  await expect(menu(page)).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(menu(page)).toHaveCount(0);

  await page.getByRole('region', { name: t('messages.label') }).focus();
  for (const key of ['Enter', 'Shift+F10']) {
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowDown');
    await expect(message(page, 'The last one')).toBeFocused();
    await page.keyboard.press(key);
    await expect(menu(page).getByRole('menuitemcheckbox').first()).toBeFocused();
    await page.keyboard.press('ArrowDown');
    await expect(menu(page).getByRole('menuitem', { name: t('menu.reply') })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(message(page, 'The last one')).toBeFocused();
  }

  const phone = await signIn('sunyoung', PHONE);
  await openConversation(phone, 'Scarlett Ho');
  const touch = await phone.context().newCDPSession(phone);
  // The message moves while the conversation is laid out.
  await expect(async () => {
    await longPress(touch, await message(phone, 'The last one').locator('.cruddur-bubble').boundingBox());
    await expect(menu(phone)).toBeVisible({ timeout: 500 });
  }).toPass();
  await menu(phone).getByRole('menuitem', { name: t('menu.details') }).tap();
  await expect(phone.getByRole('dialog', { name: t('details.title') })).toBeVisible();
});

async function longPress(touch: CDPSession, box: { x: number; y: number; width: number; height: number } | null): Promise<void> {
  const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
  await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: x + width / 2, y: y + height / 2 }] });
  await new Promise((resolve) => setTimeout(resolve, 900));
  await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

test('a new display name is shown to the other user', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  await page.getByRole('textbox', { name: t('settings.name') }).fill('Sunyoung L.');
  await page.keyboard.press('Enter');
  await expect(page.getByText(t('settings.saved'))).toBeVisible();
  await page.getByRole('button', { name: t('settings.close') }).click();
  await expect(page.locator('.cruddur-sidebar-me')).toContainText('Sunyoung L.');
  const scarlett = await signIn('scarlett');
  await expect(row(scarlett, 'Sunyoung L.')).toBeVisible();
});

test('a notification of a tab without focus leads to its conversation', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await page.context().grantPermissions(['notifications']);
  // Headless browsers show no notifications.
  await page.addInitScript(() => {
    const shown: object[] = [];
    class Recorded extends EventTarget {
      static readonly permission = 'granted';
      static requestPermission = () => Promise.resolve('granted');
      constructor(title: string, { body, silent }: NotificationOptions) {
        super();
        shown.push({ title, body, silent });
        Object.assign(window, { clickNotification: () => this.dispatchEvent(new Event('click')) });
      }
      close(): void {
        Object.assign(this, { isClosed: true });
      }
    }
    Object.assign(window, { Notification: Recorded, shown });
    document.hasFocus = () => false;
  });
  await page.reload();
  await page.getByRole('button', { name: t('settings'), exact: true }).click();
  await page.getByRole('switch', { name: t('settings.notifications') }).click();
  await page.getByRole('button', { name: t('settings.close') }).click();
  await page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Are you there?');
  const shown = () => page.evaluate(() => (window as unknown as { shown: object[] }).shown);
  await expect.poll(shown).toEqual([{ title: 'Scarlett Ho', body: 'Are you there?', silent: true }]);
  await page.evaluate(() => (window as unknown as { clickNotification: () => void }).clickNotification());
  await expect(message(page, 'Are you there?')).toBeVisible();
});

test('links in messages open elsewhere, without a referrer', async ({ signIn, stack }) => {
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'انظر https://example.com/م، ثم javascript:alert(1) أو a@example.com.');
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  const links = message(page, 'javascript').getByRole('link');
  await expect(links).toHaveText(['https://example.com/م', 'a@example.com']);
  await expect(links.first()).toHaveAttribute('rel', 'noopener noreferrer nofollow');
  await expect(links.first()).toHaveAttribute('target', '_blank');
});
