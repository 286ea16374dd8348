import { composer, expect, inbox, isMarked, mark, message, messages, openConversation, say, t, test } from './test.ts';

test('two people chat in two windows without a reload', async ({ signIn }) => {
  const sunyoung = await signIn('sunyoung');
  const scarlett = await signIn('scarlett');
  await openConversation(sunyoung, 'Scarlett Ho');
  await openConversation(scarlett, 'Sunyoung Lee');
  await mark(sunyoung);
  await mark(scarlett);

  await say(sunyoung, 'Are you on the train?');
  await expect(message(sunyoung, 'Are you on the train?')).toHaveClass(/own/);
  await expect(message(scarlett, 'Are you on the train?')).toHaveClass(/others/);

  await composer(scarlett).pressSequentially('Yes.');
  await composer(scarlett).press('Shift+Enter');
  await composer(scarlett).pressSequentially('There is a network today.');
  await composer(scarlett).press('Enter');
  await expect(message(sunyoung, 'There is a network today.').locator('.cruddur-bubble p')).toHaveText(
    'Yes.\nThere is a network today.',
    { useInnerText: true },
  );
  await expect(inbox(sunyoung).getByRole('link', { name: 'Scarlett Ho' })).toContainText('There is a network today.');

  expect(await isMarked(sunyoung)).toBe(true);
  expect(await isMarked(scarlett)).toBe(true);
});

test('the first message to a handle opens the conversation for both users', async ({ signIn, stack }) => {
  const lore = await signIn('lore');
  await expect(inbox(lore)).toContainText(t('inbox.empty'));
  const start = lore.getByRole('combobox', { name: t('start.field') });
  await start.fill('nobody.at.all');
  await expect(lore.getByText(t('start.noMatch'))).toBeVisible();
  await start.fill('@Bayko');
  await lore.getByRole('option', { name: 'Andrew Bayko' }).click();
  await expect(lore).toHaveURL(/\/messages\/new\/bayko$/);
  await say(lore, 'Hello, Andrew!');
  await expect(lore).toHaveURL(/\/messages\/[0-9a-f-]{36}$/);
  await expect(messages(lore)).toHaveCount(1);

  const bayko = await signIn('bayko');
  await openConversation(bayko, 'Lore Winters');
  await expect(message(bayko, 'Hello, Andrew!')).toBeVisible();
  const group = new URL(lore.url()).pathname.split('/').at(-1) ?? '';
  expect((await (await stack.api('bayko')).messages(group)).map(({ message: text }) => text)).toEqual(['Hello, Andrew!']);
});

test("a third person can't open the conversation", async ({ signIn, stack }) => {
  const sent = await (await stack.api('sunyoung')).send({ handle: 'scarlett' }, 'Only for you');
  const andrew = await signIn('andrew');
  await andrew.goto(`/messages/${sent.message_group_uuid}`);
  await expect(andrew.locator('#conversation')).toContainText(t('conversation.none'));
  await expect(andrew.getByText('Only for you')).toHaveCount(0);
  await expect(composer(andrew)).toHaveCount(0);
});

test('message texts are not interpreted as HTML', async ({ signIn, stack }) => {
  const text = '<img src=x onerror="document.title=\'taken\'"><b>bold</b> &amp; <script>alert(1)</script>';
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, text);
  const sunyoung = await signIn('sunyoung');
  await openConversation(sunyoung, 'Scarlett Ho');
  await expect(messages(sunyoung).last().locator('.cruddur-bubble p')).toHaveText(text);
  await expect(sunyoung.locator('#conversation .cruddur-bubble :is(img, b, script)')).toHaveCount(0);
  expect(await sunyoung.title()).not.toContain('taken');
});
