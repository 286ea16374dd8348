import { composer, expect, message, messages, openConversation, say, sentMark, signInAs, t, test } from './test.ts';

test('a message whose response is lost is stored once', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  const group = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const keys: string[] = [];
  await page.route('**/api/messages', async (route) => {
    keys.push(route.request().headers()['idempotency-key'] ?? 'none');
    if (keys.length <= 2) {
      // The stack stores the message, and the page gets no response.
      await stack.forward(route.request());
      await route.abort('connectionreset');
    } else {
      await route.continue();
    }
  });
  await say(page, 'Once and no more');
  await expect(sentMark(page, 'Once and no more')).toBeAttached({ timeout: 60_000 });
  await expect(message(page, 'Once and no more')).toHaveCount(1);
  expect(keys.length).toBe(3);
  expect(new Set(keys).size).toBe(1);
  const stored = await (await stack.api('scarlett')).messages(group);
  expect(stored.filter(({ message: text }) => text === 'Once and no more')).toHaveLength(1);
});

test('a message in flight is sent again after a reload, with the same key', async ({ signIn, stack }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  const group = new URL(page.url()).pathname.split('/').at(-1) ?? '';
  const keys: string[] = [];
  let losing = true;
  await page.route('**/api/messages', async (route) => {
    keys.push(route.request().headers()['idempotency-key'] ?? 'none');
    if (losing) {
      await stack.forward(route.request());
      await route.abort('connectionreset');
    } else {
      await route.continue();
    }
  });
  await say(page, 'Said before the reload');
  await expect.poll(() => keys.length).toBeGreaterThan(0);
  losing = false;
  await page.reload();
  await expect(sentMark(page, 'Said before the reload')).toBeAttached({ timeout: 60_000 });
  await expect(message(page, 'Said before the reload')).toHaveCount(1);
  expect(new Set(keys).size).toBe(1);
  const stored = await (await stack.api('scarlett')).messages(group);
  expect(stored.filter(({ message: text }) => text === 'Said before the reload')).toHaveLength(1);
});

test('messages wait while offline and are then sent in order', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await page.context().setOffline(true);
  await expect(page.getByText(t('banner.offline'))).toBeVisible();
  await say(page, 'First, from a tunnel');
  await say(page, 'Second, from the same tunnel');
  await expect(message(page, 'Second, from the same tunnel').getByText(t('message.unreachable'))).toBeVisible();
  await page.context().setOffline(false);
  await expect(sentMark(page, 'Second, from the same tunnel')).toBeAttached({ timeout: 90_000 });
  await expect(messages(page).nth(-2)).toContainText('First, from a tunnel');
  await expect(messages(page).last()).toContainText('Second, from the same tunnel');
});

test('a draft stays with its conversation after a reload and an expired session', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await composer(page).fill('Not yet finished');
  await openConversation(page, 'Andrew Brown');
  await expect(composer(page)).toHaveValue('');
  await say(page, 'This one is for Andrew');
  await openConversation(page, 'Scarlett Ho');
  await expect(composer(page)).toHaveValue('Not yet finished');
  await expect(message(page, 'This one is for Andrew')).toHaveCount(0);
  await page.reload();
  await expect(composer(page)).toHaveValue('Not yet finished');

  const at = page.url();
  await page.route('**/api/**', (route) => route.fulfill({ status: 401, contentType: 'application/json', body: '{}' }));
  await page.route('**/local/issuer/token', (route) =>
    route.fulfill({ status: 400, contentType: 'application/json', body: '{"error": "invalid_grant"}' }),
  );
  const again = page.getByRole('button', { name: t('banner.signInAgain') });
  await expect(again).toBeVisible({ timeout: 30_000 });
  await expect(composer(page)).toHaveValue('Not yet finished');
  await page.unroute('**/api/**');
  await page.unroute('**/local/issuer/token');
  await again.click();
  await page.getByRole('button', { name: '@sunyoung' }).click();
  await expect(page).toHaveURL(at);
  await expect(composer(page)).toHaveValue('Not yet finished');
});

test('a text that is too long is not sent, and the counter shows why', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await composer(page).fill('😀'.repeat(1024));
  await expect(page.getByText(t('composer.left', { count: 0 }), { exact: true })).toBeAttached();
  await expect(page.getByRole('button', { name: t('composer.send'), exact: true })).toBeEnabled();
  await composer(page).fill('😀'.repeat(1025));
  await expect(page.getByText(t('composer.over', { count: 1 }), { exact: true })).toBeAttached();
  await expect(page.getByRole('button', { name: t('composer.send'), exact: true })).toBeDisabled();
  await composer(page).press('Enter');
  await page.waitForTimeout(500);
  await expect(composer(page)).toHaveValue('😀'.repeat(1025));
  await expect(message(page, '😀😀')).toHaveCount(0);
});

test('signing out leads to the welcome page, and the next person finds no draft', async ({ signIn }) => {
  const page = await signIn('sunyoung');
  await openConversation(page, 'Scarlett Ho');
  await composer(page).fill('My draft');
  await page.getByRole('button', { name: t('signOut') }).click();
  await page.getByRole('button', { name: t('signOut.leave') }).click();
  await expect(page.getByRole('button', { name: t('welcome.signIn') })).toBeVisible();
  await signInAs(page, 'scarlett');
  await openConversation(page, 'Sunyoung Lee');
  await expect(composer(page)).toHaveValue('');
});
