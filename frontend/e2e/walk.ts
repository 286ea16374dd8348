import type { Locator } from '@playwright/test';
import { composer, expect, message, openMenu, say, status, t } from './test.ts';

const row = (view: Locator, name: string) => view.locator('.cruddur-group-item').filter({ hasText: name });
const badge = (view: Locator, name: string, count: number) => row(view, name).getByText(t('inbox.unread', { count }), { exact: true });

/** Chooses from the menu of a message. */
async function choose(view: Locator, text: string, item: Parameters<typeof t>[0]): Promise<void> {
  await openMenu(view, text);
  await view.getByRole('menuitem', { name: t(item), exact: true }).click();
}

/** Chooses from the menu of the open conversation. */
async function change(view: Locator, ...items: Parameters<typeof t>[0][]): Promise<void> {
  await view.getByRole('button', { name: t('conversation.menu') }).click();
  for (const item of items) {
    await view.getByRole('menuitem', { name: t(item) }).click();
  }
}

/**
 * What two people do in five minutes, on every page with the components: Lore finds Sunyoung and writes to her. At the end, the
 * conversation is open for Lore, and has one unread message in Sunyoung's inbox.
 *
 * `accept` opens the conversation for Sunyoung, as the page offers it after a first message.
 */
export async function walk(lore: Locator, sunyoung: Locator, accept: () => Promise<void>): Promise<void> {
  await lore.getByRole('combobox', { name: t('start.field') }).fill('sunyoung l');
  await lore.getByRole('option', { name: 'Sunyoung Lee' }).click();
  await say(lore, 'Shall we travel together?');
  await expect(status(lore, 'Shall we', 'message.sent')).toBeAttached();
  await accept();
  await expect(message(sunyoung, 'Shall we travel together?')).toBeVisible();

  await choose(sunyoung, 'Shall we', 'menu.reply');
  await expect(composer(sunyoung)).toBeFocused();
  await say(sunyoung, 'Gladly. Were to?');
  await expect(message(lore, 'Gladly').locator('.cruddur-quote')).toContainText('Shall we travel together?');
  await expect(status(sunyoung, 'Gladly', 'message.seen')).toBeVisible();
  await composer(sunyoung).press('ArrowUp');
  await sunyoung.getByRole('textbox', { name: t('edit.field') }).fill('Gladly. Where to?');
  await sunyoung.page().keyboard.press('Enter');
  await expect(message(lore, 'Where to?').getByText(t('message.edited'))).toBeVisible();

  await choose(lore, 'Gladly', 'menu.otherEmoji');
  await lore.getByRole('searchbox', { name: t('emoji.search') }).fill('🥳');
  await expect(lore.getByRole('option')).toHaveText(['🥳']);
  await lore.page().keyboard.press('Enter');
  await expect(message(sunyoung, 'Gladly').locator('.cruddur-reaction')).toHaveText('🥳');
  await say(lore, 'Here: https://example.com/route');
  await expect(message(sunyoung, 'Here:').getByRole('link')).toHaveAttribute('href', 'https://example.com/route');
  await say(lore, 'By train');
  await expect(message(sunyoung, 'By train')).toBeVisible();
  await choose(lore, 'By train', 'menu.delete');
  await lore.getByRole('button', { name: t('delete.yes'), exact: true }).click();
  await expect(sunyoung.getByText(t('message.deleted'))).toBeVisible();
  await expect(message(sunyoung, 'By train')).toHaveCount(0);

  await change(sunyoung, 'mute.start', 'mute.hour');
  await expect(row(sunyoung, 'Lore Winters').getByText(t('inbox.muted'), { exact: true })).toBeAttached();
  await change(sunyoung, 'mute.end');
  await expect(row(sunyoung, 'Lore Winters').getByText(t('inbox.muted'), { exact: true })).toHaveCount(0);
  await change(sunyoung, 'search.title');
  await sunyoung.getByRole('textbox', { name: t('search.title') }).fill('TRAVEL');
  await expect(sunyoung.getByText(t('search.place', { index: 1, count: 1 }), { exact: true })).toBeVisible();
  await sunyoung.getByRole('button', { name: t('search.close') }).click();

  await composer(sunyoung).fill('Not yet finished');
  await row(sunyoung, 'Andrew Brown').click();
  await expect(sunyoung.getByRole('heading', { name: 'Andrew Brown' })).toBeVisible();
  await expect(row(sunyoung, 'Lore Winters')).toContainText('Not yet finished');
  await say(lore, 'Are you still there?');
  await expect(badge(sunyoung, 'Lore Winters', 1)).toBeAttached();
  await row(sunyoung, 'Lore Winters').click();
  await expect(message(sunyoung, 'Are you still there?')).toBeVisible();
  await expect(row(sunyoung, 'Lore Winters').locator('.cruddur-count')).toHaveCount(0);
  await expect(composer(sunyoung)).toHaveValue('Not yet finished');
  await composer(sunyoung).fill('');

  await choose(sunyoung, 'Are you still there?', 'menu.report');
  const report = sunyoung.getByRole('dialog');
  await report.getByRole('radio', { name: t('report.spam') }).check();
  await report.getByRole('button', { name: t('report.yes'), exact: true }).click();
  await expect(report.getByText(t('report.sent'))).toBeVisible();
  await report.getByRole('button', { name: t('report.close'), exact: true }).click();
  await change(sunyoung, 'block.start');
  await sunyoung.getByRole('dialog').getByRole('button', { name: t('block.yes'), exact: true }).click();
  await expect(row(sunyoung, 'Lore Winters')).toHaveCount(0);
  const notice = sunyoung.getByRole('group', { name: t('block.label') });
  await expect(notice.getByRole('button', { name: t('block.end') })).toHaveAttribute('aria-disabled', 'false');
  await say(lore, 'Hello?');
  await expect(message(lore, 'Hello?')).toContainText(t('message.failed', { reason: t('code.message_not_accepted') }));
  await notice.getByRole('button', { name: t('block.end') }).click();
  await expect(composer(sunyoung)).toBeVisible();
  await message(lore, 'Hello?').getByRole('button', { name: t('message.retry') }).click();
  await expect(message(sunyoung, 'Hello?')).toBeVisible();
  await expect(row(sunyoung, 'Lore Winters')).toBeVisible();

  await change(sunyoung, 'hide.start');
  await expect(row(sunyoung, 'Lore Winters')).toHaveCount(0);
  await expect(composer(sunyoung)).toHaveCount(0);
  await say(lore, 'See you soon');
  await expect(row(sunyoung, 'Lore Winters')).toContainText('See you soon');
  await expect(badge(sunyoung, 'Lore Winters', 1)).toBeAttached();
}
