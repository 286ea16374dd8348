import { PHONE, breakConversation, expect, inbox, message, openConversation, openMenu, say, sentMark, t, test } from './test.ts';

/** Screenshots for people to look at. No test compares them. */
const FOLDER = 'e2e/screenshots';

const looks = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', ...PHONE },
  'phone-dark': { colorScheme: 'dark', ...PHONE },
} as const;

for (const [look, options] of Object.entries(looks)) {
  test(`every page (${look})`, async ({ browser, signIn, stack }) => {
    const stranger = await (await browser.newContext({ baseURL: stack.url, ...options })).newPage();
    const shoot = (page: typeof stranger, name: string) => page.screenshot({ path: `${FOLDER}/${test.info().project.name}/${name}-${look}.png` });
    await stranger.goto('/');
    await expect(stranger.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
    await shoot(stranger, 'welcome');
    await stranger.getByRole('button', { name: t('welcome.signIn') }).click();
    await expect(stranger.getByRole('button', { name: '@sunyoung' })).toBeVisible();
    await shoot(stranger, 'users');

    const page = await signIn('sunyoung', options);
    await expect(inbox(page).getByRole('link')).toHaveCount(2);
    await shoot(page, 'inbox');
    await openConversation(page, 'Scarlett Ho');
    await expect(page.getByText(t('conversation.loading'))).toBeHidden();
    await say(page, 'Have a good trip!');
    await expect(sentMark(page, 'Have a good trip!')).toBeAttached();
    await shoot(page, 'conversation');
    await openMenu(page, 'Have a good trip!');
    await shoot(page, 'menu');
    await page.getByRole('menuitemcheckbox').nth(1).click();
    await page.getByRole('button', { name: t('composer.emoji') }).click();
    await page.getByRole('searchbox', { name: t('emoji.search') }).fill('🚀');
    await expect(page.getByRole('option').first()).toBeVisible();
    await shoot(page, 'emoji');
    // The first press empties the field.
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await openMenu(page, 'Have a good trip!');
    await page.getByRole('menuitem', { name: t('menu.reply') }).click();
    await shoot(page, 'reply');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowUp');
    await shoot(page, 'edit');
    await page.keyboard.type(' ✈️');
    await page.getByRole('button', { name: t('edit.save'), exact: true }).click();
    await openMenu(page, 'Have a good trip!');
    await page.getByRole('menuitem', { name: t('menu.delete') }).click();
    await shoot(page, 'delete');
    await page.keyboard.press('Escape');
    await page.goto('/messages');
    await page.getByRole('button', { name: t('settings'), exact: true }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    await shoot(page, 'settings');
    await page.keyboard.press('Escape');
    await openConversation(page, 'Scarlett Ho');
    await page.route('**/api/messages', (route) => route.fulfill({ status: 422, json: ['message_blank'] }));
    await say(page, 'This one is refused');
    await expect(message(page, 'This one is refused').getByRole('button', { name: t('message.retry') })).toBeVisible();
    await shoot(page, 'failed');
    await page.route(/api\/messages\/[0-9a-f-]+\?/, (route) => route.fulfill({ status: 503, json: ['unavailable'] }));
    await page.reload();
    await expect(message(page, 'This one is refused').getByRole('button', { name: t('message.retry') })).toBeVisible();
    await shoot(page, 'not-loaded');
    await breakConversation(page);
    await shoot(page, 'error');
    await page.unroute(/api\/messages\/[0-9a-f-]+\?/);
    await page.reload();
    await message(page, 'This one is refused').getByRole('button', { name: t('message.delete') }).click();
    await page.goto('/messages/new/lore');
    await expect(page.getByRole('heading', { name: 'Lore Winters' })).toBeVisible();
    await shoot(page, 'new');
    await page.goto('/messages/0195b5a0-0000-7000-8000-0000000000ff');
    await expect(page.locator('#conversation')).toContainText(t('conversation.none'));
    await shoot(page, 'no-such-conversation');
    await page.goto('/messages');
    await expect(inbox(page).getByRole('link')).not.toHaveCount(0);
    await page.context().setOffline(true);
    await expect(page.getByText(t('banner.offline'))).toBeVisible();
    await shoot(page, 'offline');
    await page.context().setOffline(false);
    await page.route('**/api/**', (route) => route.fulfill({ status: 403, json: ['user_not_provisioned'] }));
    await page.goto('/messages');
    await expect(page.getByRole('heading', { name: t('account.heading') })).toBeVisible();
    await shoot(page, 'not-provisioned');
    await page.route('**/config.json', (route) => route.fulfill({ status: 404 }));
    await page.goto('/messages');
    await expect(page.getByRole('heading', { name: t('config.title', { app: t('app') }) })).toBeVisible();
    await shoot(page, 'no-configuration');
  });
}
