import { composer, expect, inbox, message, messages, openConversation, t, test } from './test.ts';

test('scrolling up through 500 messages shows each once, without jumps', async ({ signIn, stack }) => {
  const [sunyoung, lore] = await Promise.all([stack.api('sunyoung'), stack.api('lore')]);
  const { message_group_uuid: group } = await sunyoung.send({ handle: 'lore' }, 'Number 1.');
  for (let number = 2; number <= 500; number += 1) {
    const text = `Number ${number}.${' And some more words.'.repeat(number % 7)}`;
    await (number % 3 === 0 ? lore : sunyoung).send({ message_group_uuid: group }, text);
  }
  const page = await signIn('sunyoung');
  await page.goto(`/messages/${group}`);
  await expect(message(page, 'Number 500.')).toBeInViewport();

  // Only the messages near the visible ones are in the document.
  const numbers = async () => {
    const texts = await messages(page).locator('.cruddur-bubble p').allInnerTexts();
    return texts.map((text) => Number(/^Number (\d+)\./.exec(text)?.[1]));
  };
  const seen = new Set<number>();
  await page.getByRole('region', { name: t('messages.label') }).hover();
  await expect(async () => {
    const now = await numbers();
    for (const number of now) {
      seen.add(number);
    }
    await page.mouse.wheel(0, -250);
    await page.waitForTimeout(60);
    expect(now).toEqual(now.map((_, index) => (now[0] ?? 0) + index));
    expect(now.length).toBeLessThan(100);
    expect(now[0]).toBe(1);
  }).toPass({ timeout: 90_000, intervals: [1] });
  expect(seen.size).toBe(500);

  // A new message does not move the messages in the middle.
  await expect(async () => {
    await page.mouse.wheel(0, 300);
    await expect(message(page, 'Number 250.')).toBeInViewport({ timeout: 100 });
  }).toPass({ intervals: [30] });
  const top = await topOf('Number 250.');
  await lore.send({ handle: 'sunyoung' }, 'Number 501.');
  await page.getByRole('button', { name: t('messages.new', { count: 1 }) }).waitFor({ timeout: 30_000 });
  expect(Math.abs((await topOf('Number 250.')) - top)).toBeLessThanOrEqual(1);
  await page.getByRole('button', { name: t('messages.new', { count: 1 }) }).click();
  await expect(message(page, 'Number 501.')).toBeInViewport();

  async function topOf(text: string): Promise<number> {
    return (await message(page, text).first().boundingBox())?.y ?? Number.NaN;
  }
});

test('loading older messages does not move the visible ones', async ({ signIn, stack }) => {
  const sunyoung = await stack.api('sunyoung');
  const { message_group_uuid: group } = await sunyoung.send({ handle: 'lore' }, 'Number 1.');
  for (let number = 2; number <= 60; number += 1) {
    await sunyoung.send({ message_group_uuid: group }, `Number ${number}.`);
  }
  const page = await signIn('lore');
  // Holds older pages back until the position is measured.
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/messages/*cursor=*', async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`/messages/${group}`);
  await expect(message(page, 'Number 60.')).toBeInViewport();
  await page.getByRole('region', { name: t('messages.label') }).hover();
  await page.mouse.wheel(0, -10_000);
  const visible = message(page, 'Number 31.');
  await expect(visible).toBeInViewport();
  await page.waitForTimeout(300);
  const before = (await visible.boundingBox())?.y ?? Number.NaN;
  release();
  await expect(message(page, 'Number 30.')).toBeAttached();
  await page.waitForTimeout(300);
  expect(Math.abs(((await visible.boundingBox())?.y ?? Number.NaN) - before)).toBeLessThanOrEqual(2);
});

test('a conversation opens at its first unread message, which stays unread until the end is seen', async ({ signIn, stack }) => {
  const lore = await stack.api('lore');
  const { message_group_uuid: group } = await lore.send({ handle: 'sunyoung' }, 'Number 1.');
  for (let number = 2; number <= 60; number += 1) {
    await lore.send({ message_group_uuid: group }, `Number ${number}.`);
  }
  const page = await signIn('sunyoung');
  const row = inbox(page).getByRole('link', { name: '@lore' });
  const unread = row.getByText(t('inbox.unread', { count: 60 }), { exact: true });
  await expect(unread).toBeAttached();
  await row.click();
  await expect(page.getByRole('heading', { name: t('messages.firstUnread') })).toBeInViewport();
  await expect(message(page, 'Number 1.').first()).toBeInViewport();
  await page.waitForTimeout(1500);
  await expect(unread).toBeAttached();
  await page.getByRole('button', { name: t('messages.toNewest') }).click();
  await expect(message(page, 'Number 60.')).toBeInViewport();
  await expect(row.locator('.cruddur-count')).toHaveCount(0);
});

test('the keyboard goes from the text field to the messages and back, and loads none', async ({ signIn, stack }) => {
  const sunyoung = await stack.api('sunyoung');
  const { message_group_uuid: group } = await sunyoung.send({ handle: 'lore' }, 'Number 1.');
  for (let number = 2; number <= 60; number += 1) {
    await sunyoung.send({ message_group_uuid: group }, `Number ${number}.`);
  }
  const page = await signIn('sunyoung');
  await page.goto(`/messages/${group}`);
  await expect(message(page, 'Number 60.')).toBeInViewport();
  await expect(composer(page)).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  const region = page.getByRole('region', { name: t('messages.label') });
  await expect(region).toBeFocused();
  await expect(message(page, 'Number 60.')).toBeInViewport();
  await page.keyboard.press('ArrowUp');
  await expect(message(page, 'Number 60.')).toBeFocused();
  await page.keyboard.type('Hi');
  await expect(composer(page)).toHaveValue('Hi');
  await expect(composer(page)).toBeFocused();

  // The button, which a screen reader reaches, keeps the focus while it loads, and leaves it to the list.
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  await page.route('**/api/messages/*cursor=*', async (route) => {
    await held;
    await route.continue();
  });
  const older = region.getByRole('button', { name: t('messages.older') }).or(region.getByRole('button', { name: t('loading') }));
  await region.hover();
  await page.mouse.wheel(0, -10_000);
  await expect(older).toHaveAttribute('aria-disabled', 'true');
  await older.focus();
  await expect(older).toBeFocused();
  release();
  await expect(async () => {
    await older.focus({ timeout: 200 }).catch(() => undefined);
    await expect(older).toHaveCount(0, { timeout: 200 });
  }).toPass();
  await expect(region).toBeFocused();
});

test('reload, back, forward and a link to a group far down the inbox lead to their conversation', async ({ signIn, stack }) => {
  await stack.cruddur('ddb', 'seed', '--users', '45', '--groups', '1', '--messages', '1');
  const sunyoung = await stack.api('sunyoung');
  const far = await sunyoung.send({ handle: 'load-000001' }, 'Far down');
  for (let number = 2; number <= 45; number += 1) {
    await sunyoung.send({ handle: `load-${String(number).padStart(6, '0')}` }, `Hello ${number}`);
  }
  const page = await signIn('sunyoung');
  const links = inbox(page).getByRole('link');
  await expect(links.first()).toContainText('@load-000045');
  await expect(links.filter({ hasText: '@load-000001' })).toHaveCount(0);

  await page.goto(`/messages/${far.message_group_uuid}`);
  await expect(message(page, 'Far down')).toBeVisible();
  await expect(page).toHaveTitle(/load/i);

  await openConversation(page, '@load-000045');
  await expect(message(page, 'Hello 45')).toBeVisible();
  await page.goBack();
  await expect(message(page, 'Far down')).toBeVisible();
  await page.goForward();
  await expect(message(page, 'Hello 45')).toBeVisible();
  await page.reload();
  await expect(message(page, 'Hello 45')).toBeVisible();

  // Scrolling down loads the rest of the 47 groups.
  await expect(async () => {
    await links.last().scrollIntoViewIfNeeded();
    await expect(links.last()).toContainText('@andrew', { timeout: 200 });
  }).toPass({ timeout: 30_000 });
});
