import { expect, inbox, message, messages, openConversation, test } from './test.ts';

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

  let shown = await messages(page).count();
  while (shown < 500) {
    await page.mouse.move(800, 300);
    await page.mouse.wheel(0, -4000);
    await expect.poll(() => messages(page).count(), { timeout: 30_000 }).toBeGreaterThan(shown);
    shown = await messages(page).count();
  }
  const texts = await messages(page).locator('.cruddur-bubble p').allInnerTexts();
  expect(texts.map((text) => Number(/^Number (\d+)\./.exec(text)?.[1]))).toEqual(
    Array.from({ length: 500 }, (_, index) => index + 1),
  );

  // A new message does not move the messages in the middle.
  await message(page, 'Number 250.').scrollIntoViewIfNeeded();
  const top = await topOf('Number 250.');
  await lore.send({ handle: 'sunyoung' }, 'Number 501.');
  await page.getByRole('button', { name: /new message/i }).waitFor({ timeout: 30_000 });
  expect(Math.abs((await topOf('Number 250.')) - top)).toBeLessThanOrEqual(1);
  await page.getByRole('button', { name: /new message/i }).click();
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
  await page.mouse.move(800, 300);
  await page.mouse.wheel(0, -10_000);
  const oldest = messages(page).first();
  const text = await oldest.locator('.cruddur-bubble p').innerText();
  await expect(oldest).toBeInViewport();
  await page.waitForTimeout(300);
  const visible = messages(page).filter({ hasText: text });
  const before = (await visible.boundingBox())?.y ?? Number.NaN;
  const count = await messages(page).count();
  release();
  await expect.poll(() => messages(page).count()).toBeGreaterThan(count);
  await page.waitForTimeout(300);
  expect(Math.abs(((await visible.boundingBox())?.y ?? Number.NaN) - before)).toBeLessThanOrEqual(2);
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
  await expect.poll(() => links.count()).toBeGreaterThanOrEqual(20);
  expect(await links.count()).toBeLessThan(47);

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
    expect(await links.count()).toBe(47);
  }).toPass({ timeout: 30_000 });
});
