import { type Page, composer, expect, inbox, message, messages, openConversation, say, sentMark, t, test } from './test.ts';

const row = (page: Page, name: string) => inbox(page).getByRole('link', { name });
const notice = (page: Page) => page.getByRole('group', { name: t('block.label') });
const search = (page: Page) => page.getByRole('combobox', { name: t('start.field') });

async function block(page: Page): Promise<void> {
  await page.getByRole('button', { name: t('conversation.menu') }).click();
  await page.getByRole('menuitem', { name: t('block.start') }).click();
  await page.getByRole('dialog').getByRole('button', { name: t('block.yes'), exact: true }).click();
  await expect(notice(page)).toBeVisible();
}

test('a blocked person can write again after the block has ended in the settings', async ({ signIn }) => {
  const [sunyoung, scarlett] = [await signIn('sunyoung'), await signIn('scarlett')];
  await openConversation(scarlett, 'Sunyoung Lee');
  await openConversation(sunyoung, 'Scarlett Ho');
  const blocked = sunyoung.waitForResponse((response) => /\/api\/blocks\//.test(response.url()));
  await block(sunyoung);
  expect((await blocked).status()).toBe(204);
  await expect(row(sunyoung, 'Scarlett Ho')).toHaveCount(0);
  await expect(composer(sunyoung)).toHaveCount(0);

  await say(scarlett, 'Are you there?');
  const refused = message(scarlett, 'Are you there?');
  await expect(refused).toContainText(t('message.failed', { reason: t('code.message_not_accepted') }));
  await expect(message(sunyoung, 'Are you there?')).toHaveCount(0);
  await sunyoung.reload();
  await expect(notice(sunyoung)).toBeVisible();
  // The server's list leaves the conversation out a moment after the block.
  await expect(async () => {
    await sunyoung.goto('/messages');
    await expect(row(sunyoung, 'Andrew Brown')).toBeVisible();
    await expect(row(sunyoung, 'Scarlett Ho')).toHaveCount(0);
  }).toPass();

  await sunyoung.getByRole('button', { name: t('settings'), exact: true }).click();
  await sunyoung.getByText(t('settings.blocked'), { exact: true }).click();
  await sunyoung.getByRole('button', { name: t('block.endOf', { name: 'Scarlett Ho' }) }).click();
  await expect(sunyoung.getByText(t('block.ended', { name: 'Scarlett Ho' }))).toBeVisible();
  await expect(sunyoung.getByText(t('block.nobody'))).toBeVisible();
  await sunyoung.getByRole('button', { name: t('settings.close') }).click();
  await expect(row(sunyoung, 'Scarlett Ho')).toBeVisible();

  await refused.getByRole('button', { name: t('message.retry') }).click();
  await expect(sentMark(scarlett, 'Are you there?')).toBeAttached();
  await openConversation(sunyoung, 'Scarlett Ho');
  await expect(message(sunyoung, 'Are you there?')).toBeVisible();
});

test('a block is ended in its conversation', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await block(page);
  await notice(page).getByRole('button', { name: t('block.end') }).click();
  await expect(composer(page)).toBeFocused();
  await expect(row(page, 'Scarlett Ho')).toBeVisible();
  await say(page, 'Back again');
  await expect(sentMark(page, 'Back again')).toBeAttached();
});

test('a person is found by the beginning of the display name, with the keyboard', async ({ signIn }) => {
  const page = await signIn('scarlett');
  await search(page).fill('lore wi');
  const option = page.getByRole('option', { name: 'Lore Winters' });
  await expect(option).toBeVisible();
  await expect(option).toHaveAttribute('aria-selected', 'true');
  await search(page).press('Enter');
  await expect(page).toHaveURL(/\/messages\//);
  await expect(composer(page)).toBeFocused();
  await expect(messages(page).or(page.locator('.cruddur-beginning')).first()).toBeVisible();
  await say(page, 'Hello, Lore!');
  await expect(sentMark(page, 'Hello, Lore!')).toBeAttached();
});
