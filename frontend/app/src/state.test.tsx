import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeStack } from './testing/fake-stack.ts';
import { field, list, shownTexts } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const HOUR = 3_600_000;
/** The pause between the messages, of which the own one is young enough to be edited. */
const PAUSE = 5 * 60_000;

let stack: FakeStack;
let group: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  group = stack.addConversation(
    'scarlett',
    ['scarlett', 'Are you there?', now - 3 * PAUSE],
    ['sunyoung', 'I am.', now - 2 * PAUSE],
    ['scarlett', 'Good.', now - PAUSE],
  );
});

const bubble = { selector: '.cruddur-bubble p' };
const row = (text: string) => screen.getByText(text, bubble).closest<HTMLElement>('article');
const requests = () => stack.changes.map(({ request }) => request);

async function openMenu(user: ReturnType<typeof renderApp>['user'], text: string) {
  await screen.findByText(text, bubble);
  await user.click(within(row(text) ?? document.body).getByRole('button', { name: 'Message menu' }));
  return within(await screen.findByRole('menu', { name: 'Message' }));
}

describe('unread messages', () => {
  test('are counted in the inbox and in the title, and read when their end is visible in a focused window', async () => {
    const focus = vi.spyOn(document, 'hasFocus').mockReturnValue(false);
    const { user } = renderApp('/messages');
    const link = await within(await list()).findByRole('link', { name: /Scarlett Ho/ });
    expect(within(link).getByText('1 unread message')).toBeTruthy();
    await waitFor(() => expect(document.title).toBe('(1) Cruddur Messages'));

    await user.click(link);
    expect(await screen.findByRole('heading', { name: 'New messages' })).toBeTruthy();
    await field();
    expect(requests()).toEqual([]);
    focus.mockReturnValue(true);
    window.dispatchEvent(new Event('focus'));
    await waitFor(() => expect(requests()).toEqual([`PUT /api/message_groups/${group}/read`]));
    await waitFor(() => expect(within(link).queryByText('1 unread message')).toBeNull());
    expect(document.title).toBe('Scarlett Ho · Cruddur Messages');
    expect(screen.getByRole('heading', { name: 'New messages' })).toBeTruthy();
  });

  test('stay unread if they are marked as unread while the conversation is open', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await waitFor(() => expect(requests()).toEqual([`PUT /api/message_groups/${group}/read`]));
    const menu = await openMenu(user, 'Good.');
    await user.click(menu.getByRole('menuitem', { name: 'Mark as unread' }));
    await waitFor(() => expect(requests()).toHaveLength(2));
    window.dispatchEvent(new Event('focus'));
    expect(await within(await list()).findByText('1 unread message')).toBeTruthy();
    expect(requests()[1]).toBe(`DELETE /api/message_groups/${group}/read`);
  });

  test('are marked from the menu of the inbox', async () => {
    stack.groups = stack.groups.map((listed) => ({ ...listed, unread_count: 0 }));
    const { user } = renderApp('/messages');
    const link = await within(await list()).findByRole('link', { name: /Scarlett Ho/ });
    await waitFor(async () => {
      await user.pointer({ keys: '[MouseRight]', target: link });
      expect(screen.getByRole('menu', { name: 'Conversation menu' })).toBeTruthy();
    });
    await user.click(screen.getByRole('menuitem', { name: 'Mark as unread' }));
    expect(await within(link).findByText('1 unread message')).toBeTruthy();
  });
});

test('"Seen" is below the last own message that the other user has read', async () => {
  const now = Date.now();
  const texts: [string, string, number][] = [
    ['sunyoung', 'One', now - 4000],
    ['lore', 'Two', now - 3000],
    ['sunyoung', 'Three', now - 2000],
    ['sunyoung', 'Four', now - 1000],
  ];
  const other = stack.addConversation('lore', ...texts);
  stack.seen.set(other, stack.threads.get(other)?.[2]?.uuid ?? '');
  renderApp(`/messages/${other}`);
  const seen = await screen.findByText('Seen');
  expect(seen.closest('article')).toBe(row('Three'));
  const messages = screen.getAllByRole('article');
  expect(messages.map((message) => message.querySelectorAll('time').length)).toEqual([1, 1, 1, 1]);
  // A visible status, with the time below the message.
  expect(messages.map((message) => message.querySelectorAll(':scope > .cruddur-message-meta .cruddur-status svg').length)).toEqual([0, 0, 1, 1]);
});

describe('the menu of a message', () => {
  test('opens with the keyboard, and returns the focus', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await field();
    await waitFor(() => expect(shownTexts()).toHaveLength(3));
    screen.getByRole('region', { name: 'Messages' }).focus();
    await user.keyboard('{ArrowUp}{ArrowUp}');
    expect(document.activeElement).toBe(row('I am.'));
    await user.keyboard('{Enter}');
    const menu = within(await screen.findByRole('menu', { name: 'Message' }));
    expect(menu.getAllByRole('menuitem').map(({ textContent }) => textContent)).toEqual(['+', 'Reply', 'Copy text', 'Edit', 'Details', 'Delete']);
    expect(document.activeElement).toBe(menu.getByRole('menuitemcheckbox', { name: 'React with 👍' }));
  });

  test('edits a message at once, and shows why it was not changed', async () => {
    stack.delayMillis = 100;
    const { user } = renderApp(`/messages/${group}`);
    await user.click((await openMenu(user, 'I am.')).getByRole('menuitem', { name: 'Edit' }));
    const editor = screen.getByRole('textbox', { name: 'Edit the message' });
    await user.type(editor, ' Here.{Enter}');
    expect(shownTexts()[1]).toBe('I am. Here.');
    expect(screen.getByText('Edited')).toBeTruthy();
    await waitFor(() => expect(stack.threads.get(group)?.[1]?.message).toBe('I am. Here.'));

    stack.changeFailure = { status: 403, body: ['edit_window_over'] };
    await user.click(await field());
    await user.keyboard('{ArrowUp}');
    await user.keyboard(' Again{Enter}');
    expect(shownTexts()[1]).toBe('I am. Here. Again');
    expect(await screen.findByText('Not changed. This message is too old to be edited.')).toBeTruthy();
    expect(shownTexts()[1]).toBe('I am. Here.');
    expect(document.activeElement).toBe(await field());

    await user.click(screen.getByRole('button', { name: 'OK' }));
    expect(screen.queryByText(/^Not changed/)).toBeNull();
    expect(await field()).toHaveProperty('value', 'I am. Here. Again');
  });

  test('does not offer to edit an old message', async () => {
    const other = stack.addConversation('lore', ['sunyoung', 'Long ago', Date.now() - HOUR]);
    const { user } = renderApp(`/messages/${other}`);
    await user.click(await field('Lore Winters'));
    await user.keyboard('{ArrowUp}');
    expect(screen.queryByRole('textbox', { name: 'Edit the message' })).toBeNull();
    const menu = await openMenu(user, 'Long ago');
    expect(menu.queryByRole('menuitem', { name: 'Edit' })).toBeNull();
    expect(menu.getByRole('menuitem', { name: 'Delete' })).toBeTruthy();
  });

  test('deletes a message after a confirmation', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.click((await openMenu(user, 'I am.')).getByRole('menuitem', { name: 'Delete' }));
    const question = within(await screen.findByRole('dialog', { name: 'Delete this message?' }));
    expect(document.activeElement).toBe(question.getByRole('button', { name: 'Keep' }));
    await user.click(question.getByRole('button', { name: 'Delete' }));
    await waitFor(() => expect(shownTexts()).toEqual(['Are you there?', 'You deleted this message.', 'Good.']));
    await waitFor(() => expect(stack.threads.get(group)?.[1]?.deleted_at).toBeTruthy());
  });

  test('adds a reaction, which a click removes', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.click((await openMenu(user, 'Good.')).getByRole('menuitemcheckbox', { name: 'React with 😂' }));
    const chip = await screen.findByRole('button', { name: '😂 by You' });
    expect(chip.getAttribute('aria-pressed')).toBe('true');
    await waitFor(() => expect(stack.threads.get(group)?.[2]?.reactions).toEqual([{ emoji: '😂', user_uuids: [stack.me.uuid] }]));
    await user.click(chip);
    await waitFor(() => expect(stack.threads.get(group)?.[2]?.reactions).toBeUndefined());
    expect(screen.queryByRole('button', { name: '😂 by You' })).toBeNull();
  });

  test('replies to a message, which is quoted', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.click((await openMenu(user, 'Good.')).getByRole('menuitem', { name: 'Reply' }));
    expect(document.activeElement).toBe(await field());
    await user.keyboard('Yes.{Enter}');
    const quoted = stack.threads.get(group)?.[2];
    await waitFor(() => expect(stack.posts[0]?.body.reply_to).toEqual({ uuid: quoted?.uuid, created_at: quoted?.created_at }));
    expect(within(row('Yes.') ?? document.body).getByRole('button', { name: /Scarlett Ho\s*Good\./ })).toBeTruthy();
    expect(screen.queryByText(/Reply to/)).toBeNull();
  });
});

test('links in messages are links, and other texts are not', async () => {
  stack.receive(group, 'scarlett', 'See https://a.example/x. <b>Not</b> javascript:alert(1)');
  renderApp(`/messages/${group}`);
  const link = await screen.findByRole('link', { name: 'https://a.example/x' });
  expect([link.getAttribute('href'), link.getAttribute('rel'), link.getAttribute('target')]).toEqual([
    'https://a.example/x',
    'noopener noreferrer nofollow',
    '_blank',
  ]);
  expect(link.closest('.cruddur-bubble')?.querySelectorAll('a, b')).toHaveLength(1);
});

describe('the settings', () => {
  test('change the display name and the read receipts', async () => {
    const { user } = renderApp('/messages');
    await list();
    await user.click(screen.getByRole('button', { name: 'Settings' }));
    const settings = within(await screen.findByRole('dialog', { name: 'Settings' }));
    const name = settings.getByRole('textbox', { name: 'Display name' });
    await user.clear(name);
    await user.type(name, 'Sun{Enter}');
    expect(await settings.findByText('Saved.')).toBeTruthy();
    expect(within(screen.getByRole('region', { name: 'Overview' })).getByText('Sun')).toBeTruthy();

    stack.changeFailure = { status: 503, body: ['unavailable'] };
    const receipts = settings.getByRole('switch', { name: 'Read receipts' });
    await user.click(receipts);
    expect(await settings.findByText('The server is not available at the moment.')).toBeTruthy();
    expect(receipts).toHaveProperty('checked', true);
    expect(stack.changes[0]).toEqual({ request: 'PATCH /api/me', body: { display_name: 'Sun' } });
  });
});
