import { AxeBuilder } from '@axe-core/playwright';
import {
  type Page,
  PHONE,
  breakConversation,
  composer,
  expect,
  inbox,
  message,
  openConversation,
  openMenu,
  say,
  sentMark,
  signInAs,
  t,
  test,
} from './test.ts';

async function expectAccessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(
    violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map(({ html }) => html).join('; ')}`),
  ).toEqual([]);
}

const looks = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  'light, phone': { colorScheme: 'light', ...PHONE },
  'dark, phone': { colorScheme: 'dark', ...PHONE },
} as const;

for (const [look, options] of Object.entries(looks)) {
  test(`axe finds nothing on any page (${look})`, async ({ browser, signIn, stack }) => {
    test.setTimeout(240_000);
    const stranger = await (await browser.newContext({ baseURL: stack.url, ...options })).newPage();
    await stranger.goto('/');
    await expect(stranger.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
    await expect(stranger.locator('html')).toHaveAttribute('dir', test.info().project.name === 'ar' ? 'rtl' : 'ltr');
    await expectAccessible(stranger, 'welcome');
    await stranger.getByRole('button', { name: t('welcome.signIn') }).click();
    await expect(stranger.getByRole('button', { name: '@sunyoung' })).toBeVisible();
    await expectAccessible(stranger, 'choice of a user');

    const page = await signIn('sunyoung', options);
    await expectAccessible(page, 'inbox');
    await openConversation(page, 'Scarlett Ho');
    await say(page, 'Hello');
    await expect(sentMark(page, 'Hello')).toBeAttached();
    await expectAccessible(page, 'conversation');
    await openMenu(page, 'Hello');
    await expectAccessible(page, 'menu of a message');
    await page.getByRole('menuitemcheckbox').first().click();
    await expect(message(page, 'Hello').locator('.cruddur-reaction')).toBeVisible();
    await openMenu(page, 'Hello');
    await page.getByRole('menuitem', { name: t('menu.reply') }).click();
    await expectAccessible(page, 'reaction and reply');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowUp');
    await expect(page.getByRole('textbox', { name: t('edit.field') })).toBeFocused();
    await expectAccessible(page, 'text field of a message');
    await page.keyboard.press('Escape');
    for (const [entry, close] of [['menu.delete', 'delete.no'], ['menu.details', 'details.close']] as const) {
      await openMenu(page, 'Hello');
      await page.getByRole('menuitem', { name: t(entry) }).click();
      await expect(page.getByRole('dialog')).toBeVisible();
      await expectAccessible(page, entry);
      await page.getByRole('button', { name: t(close), exact: true }).click();
    }
    await page.getByRole('button', { name: t('composer.emoji') }).click();
    await expect(page.getByRole('gridcell').first()).toBeVisible();
    await expectAccessible(page, 'emoji picker');
    await page.keyboard.press('Escape');
    await openMenu(page, 'Hello');
    await page.getByRole('menuitem', { name: t('menu.otherEmoji') }).click();
    await expect(page.getByRole('gridcell').first()).toBeVisible();
    await expectAccessible(page, 'emoji picker of a reaction');
    await page.keyboard.press('Escape');
    await composer(page).blur();
    await page.keyboard.press('?');
    await expect(page.getByRole('dialog', { name: t('keys.title') })).toBeVisible();
    await expectAccessible(page, 'keyboard shortcuts');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: t('conversation.menu') }).click();
    await page.getByRole('menuitem', { name: t('search.title') }).click();
    await page.getByRole('textbox', { name: t('search.title') }).fill('hello');
    await expect(page.locator('.cruddur-search-place')).not.toBeEmpty();
    await expectAccessible(page, 'search in a conversation');
    await page.keyboard.press('Escape');
    await composer(page).fill('Not yet finished');
    await page.goto('/messages');
    await expect(inbox(page).getByRole('link', { name: 'Scarlett Ho' })).toContainText(t('inbox.draft'));
    await expectAccessible(page, 'draft in the inbox');
    await openConversation(page, 'Scarlett Ho');
    await page.getByRole('button', { name: t('conversation.menu') }).click();
    await expectAccessible(page, 'menu of a conversation');
    await page.getByRole('menuitem', { name: t('mute.start') }).click();
    await expectAccessible(page, 'durations of a mute');
    await page.getByRole('menuitem', { name: t('mute.forever') }).click();
    await expect(page.locator('.cruddur-conversation-head').getByText(t('inbox.muted'))).toBeAttached();
    await expectAccessible(page, 'muted conversation');
    await page.locator('.cruddur-others .cruddur-bubble > p').last().click({ button: 'right' });
    await page.getByRole('menuitem', { name: t('menu.report') }).click();
    await expectAccessible(page, 'report of a message');
    await page.getByRole('button', { name: t('report.no'), exact: true }).click();
    await page.getByRole('button', { name: t('conversation.menu') }).click();
    await page.getByRole('menuitem', { name: t('clear.start') }).click();
    await expectAccessible(page, 'question about clearing');
    await page.getByRole('button', { name: t('clear.no'), exact: true }).click();
    await page.getByRole('button', { name: t('conversation.menu') }).click();
    await page.getByRole('menuitem', { name: t('block.start') }).click();
    await expectAccessible(page, 'question about a block');
    await page.getByRole('dialog').getByRole('button', { name: t('block.yes'), exact: true }).click();
    const notice = page.getByRole('group', { name: t('block.label') });
    await expect(notice).toBeVisible();
    await expectAccessible(page, 'blocked conversation');
    await page.goto('/messages');
    await page.getByRole('combobox', { name: t('start.field') }).fill('andrew');
    await expect(page.getByRole('group', { name: t('inbox.label') }).getByRole('option', { name: 'Andrew Brown' })).toBeVisible();
    await expect(page.getByRole('group', { name: t('start.people') }).getByRole('option', { name: 'Andrew Bayko' })).toBeVisible();
    await page.keyboard.press('ArrowDown');
    await expectAccessible(page, 'conversations and people that the search finds');
    await page.goto('/messages');
    await page.getByRole('button', { name: t('settings'), exact: true }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await page.getByText(t('settings.blocked'), { exact: true }).click();
    await expect(page.getByRole('listitem').filter({ hasText: 'Scarlett Ho' })).toBeVisible();
    await page.getByText(t('devices.title'), { exact: true }).click();
    await page.getByRole('button', { name: t('devices.everywhere') }).click();
    await expect(page.getByRole('alertdialog')).toBeVisible();
    await expectAccessible(page, 'settings');
    await page.getByRole('button', { name: t('signOut.stay') }).click();
    await page.getByRole('button', { name: t('block.endOf', { name: 'Scarlett Ho' }) }).click();
    await expect(page.getByText(t('block.nobody'))).toBeVisible();
    await page.keyboard.press('Escape');
    await page.goto('/messages/new/lore');
    await expect(composer(page)).toBeVisible();
    await expectAccessible(page, 'new conversation');
    await page.goto('/messages/0195b5a0-0000-7000-8000-0000000000ff');
    await expect(page.locator('#conversation')).toContainText(t('conversation.none'));
    await expectAccessible(page, 'no such conversation');
    await page.goto('/messages/new/nobody.at.all');
    await expect(page.locator('#conversation')).toContainText(/nobody\.at\.all/);
    await expectAccessible(page, 'no such user');
    await page.goto('/messages');
    await page.route('**/api/messages', (route) => route.fulfill({ status: 422, json: ['message_blank'] }));
    await openConversation(page, 'Scarlett Ho');
    await say(page, 'Refused');
    await expect(message(page, 'Refused').getByRole('button', { name: t('message.retry') })).toBeVisible();
    await expectAccessible(page, 'failed message');
    await page.route(/api\/messages\/[0-9a-f-]+\?/, (route) => route.fulfill({ status: 503, json: ['unavailable'] }));
    await page.reload();
    await expect(message(page, 'Refused').getByRole('button', { name: t('message.retry') })).toBeVisible();
    await expectAccessible(page, 'failed message of a conversation that failed to load');
    await breakConversation(page);
    await expectAccessible(page, 'error boundary');
    await page.unroute(/api\/messages\/[0-9a-f-]+\?/);
    await page.reload();
    // Without a service worker, the rest of the page comes from the network.
    await page.waitForLoadState('networkidle');
    await page.context().setOffline(true);
    await expect(page.getByText(t('banner.offline'))).toBeVisible();
    await expectAccessible(page, 'offline');
    await page.context().setOffline(false);
    await page.route('**/api/**', (route) => route.fulfill({ status: 403, json: ['user_not_provisioned'] }));
    await page.goto('/messages');
    await expect(page.getByRole('heading', { name: t('account.heading') })).toBeVisible();
    await expectAccessible(page, 'not provisioned');
    await page.route('**/config.json', (route) => route.fulfill({ status: 404 }));
    await page.goto('/messages');
    await expect(page.getByRole('heading', { name: t('config.title', { app: t('app') }) })).toBeVisible();
    await expectAccessible(page, 'no configuration');
  });
}

test('the page works with the keyboard only', async ({ browser, stack }) => {
  const page = await (await browser.newContext({ baseURL: stack.url })).newPage();
  await page.goto('/');
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  await tabTo(page, t('welcome.signIn'));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: '@sunyoung' })).toBeVisible();
  await tabTo(page, 'Sunyoung Lee');
  await page.keyboard.press('Enter');
  await expect(inbox(page)).toBeVisible();

  await tabTo(page, 'Scarlett Ho');
  await page.keyboard.press('Enter');
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('Written without a mouse');
  await page.keyboard.press('Enter');
  await expect(sentMark(page, 'Written without a mouse')).toBeAttached();
  await expect(composer(page)).toBeFocused();

  await tabTo(page, t('start.placeholder'));
  await page.keyboard.type('lore');
  await expect(page.getByRole('option', { name: 'Lore Winters' })).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/messages\/new\/lore$/);
  await expect(composer(page)).toBeFocused();
  await page.keyboard.type('Hello, Lore!');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/messages\/[0-9a-f-]{36}$/);

  await tabTo(page, t('settings'));
  await page.keyboard.press('Enter');
  await expect(page.getByRole('dialog')).toBeFocused();
  await expect(page.getByRole('dialog')).toHaveCSS('outline-style', 'solid');
});

/** Presses Tab until an element with this text has a visible focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    if ((await focused.count()) === 0) {
      // The focus is in the browser's own controls.
      continue;
    }
    const label = await focused.evaluate((element) =>
      [element.textContent, element.getAttribute('aria-label'), element.getAttribute('placeholder')].join(' '),
    );
    if (label.includes(text)) {
      const outlined = await focused.evaluate((element) => {
        const around = element.closest('.cruddur-start-field, .cruddur-composer-field') ?? element;
        const visible = (style: CSSStyleDeclaration) => style.outlineStyle !== 'none' || style.boxShadow !== 'none';
        return visible(getComputedStyle(element)) || visible(getComputedStyle(around));
      });
      expect(outlined, `the focus on ${text} is visible`).toBe(true);
      return;
    }
  }
  throw new Error(`Tab does not reach ${text}`);
}

test('signing in returns to the requested page', async ({ browser, stack }) => {
  const sent = await (await stack.api('sunyoung')).send({ handle: 'scarlett' }, 'Come back to me');
  const page = await (await browser.newContext({ baseURL: stack.url })).newPage();
  await page.goto(`/messages/${sent.message_group_uuid}`);
  await signInAs(page, 'scarlett');
  await expect(page).toHaveURL(new RegExp(`${sent.message_group_uuid}$`));
  await expect(message(page, 'Come back to me')).toBeVisible();
});
