import { PHONE, expect, inbox, message, openConversation, openMenu, say, sentMark, signInAs, t, test } from './test.ts';
import { walk } from './walk.ts';

test('two people do in five minutes what the page offers, one of them on a phone', async ({ signIn }) => {
  test.setTimeout(180_000);
  const [lore, sunyoung] = [await signIn('lore', PHONE), await signIn('sunyoung')];
  const settings = sunyoung.getByRole('button', { name: t('settings'), exact: true });
  const close = sunyoung.getByRole('button', { name: t('settings.close') });
  await settings.click();
  const messagesFrom = sunyoung.getByRole('combobox', { name: t('settings.messagesFrom') });
  await messagesFrom.selectOption('requests');
  await expect(messagesFrom).toHaveValue('requests');
  await close.click();

  await walk(lore.locator('body'), sunyoung.locator('body'), async () => {
    const requests = sunyoung.locator('.cruddur-requests');
    await requests.locator('summary').click();
    await requests.getByRole('link', { name: 'Lore Winters' }).click();
    await sunyoung.getByRole('button', { name: t('request.accept'), exact: true }).click();
  });

  // Scarlett's conversation is unread from the start.
  await expect(sunyoung).toHaveTitle(/^\(2\) /);
  await openConversation(sunyoung, 'Lore Winters');
  await expect(message(sunyoung, 'See you soon')).toBeVisible();
  await expect(sunyoung).toHaveTitle(/^\(1\) /);

  await lore.context().setOffline(true);
  await expect(lore.getByText(t('banner.offline'))).toBeVisible();
  await say(lore, 'From a tunnel');
  const unsent = message(lore, 'From a tunnel').getByText(t('message.unreachable'));
  await expect(unsent).toBeVisible();
  await openMenu(lore, 'From a tunnel');
  await lore.getByRole('menuitem', { name: t('message.sendNow') }).click();
  await expect(unsent).toBeVisible();
  await lore.context().setOffline(false);
  await expect(sentMark(lore, 'From a tunnel')).toBeAttached();
  await expect(message(sunyoung, 'From a tunnel')).toHaveCount(1);

  await settings.click();
  await sunyoung.getByRole('combobox', { name: t('settings.theme') }).selectOption('dark');
  await expect(sunyoung.locator('html')).toHaveCSS('color-scheme', 'dark');
  await close.click();
  await lore.getByRole('link', { name: t('conversation.back') }).click();
  for (const page of [lore, sunyoung]) {
    await page.getByRole('button', { name: t('signOut') }).click();
    await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  }
  await signInAs(lore, 'lore');
  await expect(inbox(lore).getByRole('link', { name: 'Sunyoung Lee' })).toContainText('From a tunnel');
});
