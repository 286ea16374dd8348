import { type Page, composer, expect, inbox, message, openConversation, say, sentMark, t, test } from './test.ts';

const row = (page: Page, name: string) => inbox(page).getByRole('link', { name });
const requests = (page: Page) => page.locator('.cruddur-requests');
const badge = (page: Page, name: string) => row(page, name).locator('.cruddur-count');
const notice = (page: Page) => page.getByRole('group', { name: t('request.label') });

test('a stranger has one message until the request is accepted', async ({ signIn }) => {
  const [lore, mock] = [await signIn('lore'), await signIn('mock')];
  await lore.getByRole('button', { name: t('settings'), exact: true }).click();
  await lore.getByRole('combobox', { name: t('settings.messagesFrom') }).selectOption('requests');
  await expect(lore.getByRole('combobox', { name: t('settings.messagesFrom') })).toHaveValue('requests');
  await lore.getByRole('button', { name: t('settings.close') }).click();

  await mock.goto('/messages/new/lore');
  await say(mock, 'Do you remember me?');
  await expect(sentMark(mock, 'Do you remember me?')).toBeAttached();
  await say(mock, 'Hello?');
  await expect(message(mock, 'Hello?')).toContainText(t('message.failed', { reason: t('code.request_pending') }));
  await expect(row(lore, 'Mock User')).toHaveCount(0);

  // The digits are those of the language.
  await expect(requests(lore).locator('summary')).toHaveText(/[1١]/);
  await requests(lore).locator('summary').click();
  await expect(requests(lore)).toContainText('Do you remember me?');
  await requests(lore).getByRole('link', { name: 'Mock User' }).click();
  await expect(message(lore, 'Do you remember me?')).toBeVisible();
  await expect(composer(lore)).toHaveCount(0);
  await lore.screenshot({ path: test.info().outputPath('request.png') });
  await notice(lore).getByRole('button', { name: t('request.accept') }).click();
  await expect(composer(lore)).toBeVisible();
  await expect(row(lore, 'Mock User')).toBeVisible();
  await expect(badge(lore, 'Mock User')).toHaveCount(0);
  await expect(requests(lore)).toContainText(t('request.none'));
  await requests(lore).locator('summary').click();
  await say(lore, 'Of course!');
  await expect(requests(lore)).toHaveCount(0);
  await openConversation(mock, 'Lore Winters');
  await expect(message(mock, 'Of course!')).toBeVisible();
  // The refused message is still below.
  await expect(badge(mock, 'Lore Winters')).toHaveCount(0);
  await message(mock, 'Hello?').getByRole('button', { name: t('message.retry') }).click();
  await expect(message(lore, 'Hello?')).toBeVisible();
});
