import { composer, expect, inbox, message, openConversation, say, sentMark, t, test } from './test.ts';

/** Users of the local stack whose handle differs from the one in their id token. */
const renamed = [
  { handle: 'user-5a1e0007', name: 'Andrew Stone', notice: () => t('handle.taken', { requested: '@andrew' }) },
  { handle: 'user-5a1e0008', name: 'Sam Lee', notice: () => t('handle.malformed', { requested: 'Sam Lee', max: 30 }) },
  { handle: 'user-5a1e0009', name: 'Robin Park', notice: () => t('handle.missing') },
  { handle: 'jo.rivera', name: 'Jo Rivera', notice: () => t('handle.changed', { requested: '@jo.keller' }) },
];

test('users whose handle is not the requested one chat like everyone else', async ({ signIn }) => {
  const andrew = await signIn('andrew');
  for (const { handle, name, notice } of renamed) {
    await test.step(`@${handle}`, async () => {
      const page = await signIn(handle);
      await expect(page.locator('.cruddur-sidebar-me')).toHaveText(`${name} @${handle}`);
      await expect(page.getByRole('status').filter({ hasText: notice() })).toContainText(t('handle.you', { handle: `@${handle}` }));
      await page.getByRole('button', { name: t('handle.ok') }).click();

      const start = page.getByRole('combobox', { name: t('start.field') });
      await start.fill(`@${handle}`);
      await expect(page.getByText(t('start.self'))).toBeVisible();
      await start.fill('andrew');
      await page.getByRole('option', { name: 'Andrew Brown' }).click();
      await say(page, `Hello from ${name}`);
      await openConversation(andrew, name);
      await say(andrew, `Hello, ${name}!`);

      await expect(message(page, `Hello from ${name}`)).toHaveClass(/own/);
      await expect(message(page, `Hello, ${name}!`)).toHaveClass(/others/);
      await expect(message(andrew, `Hello from ${name}`)).toHaveClass(/others/);
      await expect(message(andrew, `Hello, ${name}!`)).toHaveClass(/own/);
      await page.reload();
      await expect(message(page, `Hello from ${name}`)).toHaveClass(/own/);
      await expect(message(page, `Hello, ${name}!`)).toHaveClass(/others/);
      await expect(page.getByRole('button', { name: t('handle.ok') })).toHaveCount(0);
      await page.context().close();
    });
  }
});

test('copying a conversation copies the messages only', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await expect(message(page, 'What did they do?')).toBeVisible();
  const copied = await page.evaluate(() => {
    getSelection()?.selectAllChildren(document.querySelector('#conversation ol') ?? document.body);
    return getSelection()?.toString() ?? '';
  });
  expect(copied).toContain('What did they do?');
  for (const hidden of [t('message.from', { name: t('message.you') }), t('message.from', { name: 'Scarlett Ho' }), t('message.sent')]) {
    expect(copied).not.toContain(hidden);
  }
  expect(copied).not.toMatch(/\p{Nd}:\p{Nd}/u);
});

test('a held Enter opens a conversation and does not send its draft', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await composer(page).fill('Not finished');
  await openConversation(page, 'Andrew Brown');
  await inbox(page).getByRole('link', { name: 'Scarlett Ho' }).focus();
  await page.keyboard.down('Enter');
  await expect(composer(page)).toBeFocused();
  await page.keyboard.down('Enter');
  await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  await expect(composer(page)).toHaveValue('Not finished');
  await composer(page).press('Enter');
  await expect(message(page, 'Not finished')).toHaveCount(1);
});

test('two tabs share a draft, which is sent once', async ({ signIn }) => {
  const one = await signIn('sunyoung');
  await openConversation(one, 'Scarlett Ho');
  const two = await one.context().newPage();
  await two.goto(one.url());
  await composer(one).fill('A long draft');
  await expect(composer(two)).toHaveValue('A long draft');
  await composer(two).press('End');
  await composer(two).pressSequentially('!');
  await composer(two).press('Backspace');
  await one.reload();
  await expect(composer(one)).toHaveValue('A long draft');
  await composer(two).press('Enter');
  await expect(composer(one)).toHaveValue('');
  await composer(one).press('Enter');
  await expect(message(one, 'A long draft')).toHaveCount(1);
  await expect(sentMark(two, 'A long draft')).toBeAttached();
});

test('typing continues when the other user opens the conversation', async ({ signIn, stack }) => {
  const lore = await signIn('lore');
  await lore.goto('/messages/new/bayko');
  await composer(lore).evaluate((element) => element.setAttribute('data-first', ''));
  await composer(lore).pressSequentially('the quick ');
  await (await stack.api('bayko')).send({ handle: 'lore' }, 'I was faster');
  const text = 'brown fox jumps over the lazy dog '.repeat(5);
  await composer(lore).pressSequentially(text, { delay: 40 });
  await expect(lore).toHaveURL(/\/messages\/[0-9a-f-]{36}$/);
  await expect(composer(lore)).toHaveValue(`the quick ${text}`);
  await expect(composer(lore)).toHaveAttribute('data-first');
});
