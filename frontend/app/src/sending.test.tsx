import { act, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeStack, uuid } from './testing/fake-stack.ts';
import { field, list, shownTexts, storedKeys, wholeText } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const HOUR = 3_600_000;

let stack: FakeStack;
let group: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  group = stack.addConversation(
    'scarlett',
    ['scarlett', 'Are you there?', now - 2 * HOUR],
    ['sunyoung', 'I am.', now - HOUR],
  );
});

/** A phone's screen: no mouse. */
function emulateTouchScreen(): void {
  const mouse = window.matchMedia;
  const touch = (query: string) => Object.assign(mouse(query), { matches: query.includes('pointer: coarse') });
  vi.spyOn(window, 'matchMedia').mockImplementation(touch);
}

function pressEnter(on: HTMLElement, type = 'keydown', repeat = false): void {
  const event = new KeyboardEvent(type, { key: 'Enter', bubbles: true, cancelable: true, repeat });
  act(() => void on.dispatchEvent(event));
}

/** Changes the only draft, as another window of the same person does. */
function typeElsewhere(text: string): void {
  const [key = ''] = storedKeys();
  localStorage.setItem(key, JSON.stringify({ text, at: Date.now() }));
  act(() => void window.dispatchEvent(new StorageEvent('storage', { key })));
}

describe('sending', () => {
  test('Enter sends, and Shift+Enter inserts a line break', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'one{Shift>}{Enter}{/Shift}two{Enter}');
    await waitFor(() => expect(stack.posts).toHaveLength(1));
    expect(stack.posts[0]?.body).toEqual({ message: 'one\ntwo', message_group_uuid: group });
    expect(await field()).toHaveProperty('value', '');
  });

  test('on touch screens Enter inserts a line break, in edits too, and the button sends', async () => {
    emulateTouchScreen();
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await user.type(box, 'one{Enter}two');
    expect([box.getAttribute('enterkeyhint'), stack.posts]).toEqual(['enter', []]);
    expect(screen.queryByTitle('Send (Enter)')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Send' }));
    await waitFor(() => expect(stack.posts.map(({ body }) => body.message)).toEqual(['one\ntwo']));
    await waitFor(() => expect(storedKeys()).toEqual([]));
    await user.type(box, '{ArrowUp}');
    const editor = screen.getByRole('textbox', { name: 'Edit the message' });
    await user.type(editor, '{Enter}three');
    expect(editor).toHaveProperty('value', 'one\ntwo\nthree');
    expect(screen.queryByText('Enter saves, Escape cancels.')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Save' }));
    await waitFor(() => expect(stack.threads.get(group)?.at(-1)?.message).toBe('one\ntwo\nthree'));
  });

  test('Enter does not send if it is held or was pressed elsewhere', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await user.type(box, 'text');
    const link = await within(await list()).findByRole('link', { name: /Scarlett Ho/ });
    pressEnter(box, 'keydown', true);
    pressEnter(link);
    pressEnter(box);
    pressEnter(box, 'keydown', true);
    expect([box, stack.posts]).toEqual([expect.objectContaining({ value: 'text' }), []]);
    pressEnter(box, 'keyup');
    pressEnter(box);
    await user.paste('more');
    pressEnter(box, 'keydown', true);
    pressEnter(box, 'keyup');
    await waitFor(() => expect(stack.posts.map(({ body }) => body.message)).toEqual(['text']));
    expect(box).toHaveProperty('value', 'more');
  });

  test('Enter does not send if it ends a composition', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await user.type(box, 'text');
    const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, isComposing: true });
    act(() => void box.dispatchEvent(enter));
    expect([enter.defaultPrevented, stack.posts.length]).toEqual([false, 0]);
  });

  test('shows the message at once and only once', async () => {
    stack.delayMillis = 500;
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    expect(shownTexts().at(-1)).toBe('Hello');
    expect(screen.getByText('Sending…')).toBeTruthy();
    await waitFor(() => expect(screen.queryByText('Sending…')).toBeNull());
    await waitFor(() => expect(storedKeys()).toEqual([]));
    expect(shownTexts().filter((text) => text === 'Hello')).toEqual(['Hello']);
  });

  test('a message whose response was lost is stored and shown once', async () => {
    stack.sendResponses = ['lost'];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    await waitFor(() => expect(storedKeys()).toEqual([]));
    expect(stack.posts[0]?.key).toBe(stack.posts[1]?.key);
    expect(shownTexts().filter((text) => text === 'Hello')).toEqual(['Hello']);
    expect(stack.threads.get(group)).toHaveLength(3);
  });

  test('a rejected message shows the reason and can be deleted', async () => {
    stack.sendResponses = [{ status: 422, body: ['message_exceed_max_chars'] }];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    expect(await screen.findByText('Not sent. This message is longer than 1,024 characters.')).toBeTruthy();
    const news = screen.getByText('Your message: Not sent. This message is longer than 1,024 characters.');
    expect(news.getAttribute('role')).toBe('status');
    await user.click(screen.getByRole('button', { name: 'Delete' }));
    expect(shownTexts()).not.toContain('Hello');
    expect(stack.posts).toHaveLength(1);
  });

  test('a rejected message can be sent again with its key', async () => {
    stack.sendResponses = [{ status: 404, body: { message: 'Not Found' } }];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    await user.click(await screen.findByRole('button', { name: 'Retry' }));
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[0]?.key).toBe(stack.posts[1]?.key);
  });

  test('an unsent message is sent by the next page', async () => {
    stack.sendResponses = [{ status: 503, body: ['unavailable'] }];
    const first = renderApp(`/messages/${group}`);
    await first.user.type(await field(), 'Hello{Enter}');
    await screen.findByText(/^Not sent yet\./);
    expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull();
    first.unmount();
    renderApp('/messages');
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[1]).toEqual(stack.posts[0]);
  });

  test("blank and too long texts can't be sent", async () => {
    const { user } = renderApp(`/messages/${group}`);
    const send = await screen.findByRole('button', { name: 'Send' });
    await user.type(await field(), ' {Shift>}{Enter}{/Shift} ');
    expect(send).toHaveProperty('disabled', true);
    await user.clear(await field());
    await user.click(await field());
    await user.paste('🎉'.repeat(1024));
    expect(screen.getByText('0 characters left')).toBeTruthy();
    expect(send).toHaveProperty('disabled', false);
    await user.type(await field(), 'xy');
    expect(screen.getByText('2 characters too many')).toBeTruthy();
    expect(send).toHaveProperty('disabled', true);
    await user.type(await field(), '{Enter}');
    expect(stack.posts).toHaveLength(0);
  });
});

describe('a new conversation', () => {
  test('is found by handle, is first in the inbox, and becomes a group with the first message', async () => {
    const { user, path } = renderApp('/messages');
    await user.type(await screen.findByRole('combobox', { name: 'Search conversations and people' }), '@LORE');
    await user.click(await screen.findByRole('option', { name: /Lore Winters/ }));
    expect(path()).toBe('/messages/new/lore');
    const first = within(await list()).getAllByRole('link')[0];
    expect(first?.textContent).toContain('Lore Winters');
    expect(first?.getAttribute('aria-current')).toBe('page');

    stack.delayMillis = 200;
    await user.type(await field('Lore Winters'), 'one{Enter}two{Enter}thr');
    const box = await field('Lore Winters');
    await waitFor(() => expect(path()).toMatch(/^\/messages\/[0-9a-f-]{36}$/));
    expect(await field('Lore Winters')).toBe(box);
    await waitFor(() => expect(shownTexts()).toEqual(['one', 'two']));
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[0]?.body).toEqual({ message: 'one', user_uuid: stack.users[2]?.uuid });
    expect(await field('Lore Winters')).toHaveProperty('value', 'thr');
  });

  test('becomes a group during typing if the other user writes first', async () => {
    const { user, path } = renderApp('/messages/new/lore');
    const box = await field('Lore Winters');
    await user.type(box, 'one ');
    const opened = stack.addConversation('lore', ['lore', 'I was faster', Date.now()]);
    stack.threads.get(opened)?.forEach((message) => stack.append(opened, message));
    while (path().startsWith('/messages/new')) {
      // oxlint-disable-next-line no-await-in-loop
      await user.keyboard('x');
    }
    await user.keyboard('y{Enter}');
    expect(await field('Lore Winters')).toBe(box);
    await waitFor(() => expect(stack.posts).toHaveLength(1));
    expect(stack.posts[0]?.body.message).toMatch(/^one x+y$/);
    await waitFor(() => expect(shownTexts()[0]).toBe('I was faster'));
    expect(storedKeys().filter((key) => key.includes('.draft.'))).toEqual([]);
  });

  test.each(['.', '..'])('with %j has a working address', async (handle) => {
    stack.users.push({ uuid: uuid(200), handle, display_name: 'Dot' });
    const { user, path } = renderApp('/messages');
    await user.type(await screen.findByRole('combobox', { name: 'Search conversations and people' }), `@${handle}`);
    await user.click(await screen.findByRole('option', { name: /Dot/ }));
    expect(path()).toBe(`/messages/new/@${handle}`);
    await user.type(await field('Dot'), 'Hello{Enter}');
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'Hello', user_uuid: uuid(200) }));
  });

  test('is found by a handle with a period after it', async () => {
    const { user } = renderApp('/messages');
    await user.type(await screen.findByRole('combobox', { name: 'Search conversations and people' }), '@lore.');
    expect(await screen.findByRole('option', { name: /Lore Winters/ })).toBeTruthy();
  });

  test('with the member of a group redirects to the group', async () => {
    const { path } = renderApp('/messages/new/Scarlett');
    await waitFor(() => expect(path()).toBe(`/messages/${group}`));
  });

  test('with the member of a group far down the inbox redirects to the group', async () => {
    const newer = Array.from({ length: 70 }, (_, index) => ({
      uuid: uuid(5000 + index),
      user_uuid: uuid(6000 + index),
      handle: `person${index}`,
      display_name: `Person ${index}`,
      message: 'text',
      created_at: stack.groups[0]?.created_at ?? '',
    }));
    stack.groups = [...newer, ...stack.groups];
    const { path } = renderApp('/messages/new/scarlett');
    await waitFor(() => expect(path()).toBe(`/messages/${group}`));
  });

  test('with an unknown handle shows "No such user"', async () => {
    renderApp('/messages/new/nobody');
    expect(await screen.findByRole('heading', { name: 'No such user' })).toBeTruthy();
    expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
  });

  test('with oneself is not possible', async () => {
    const { user } = renderApp('/messages/new/Sunyoung');
    expect(await screen.findByRole('heading', { name: 'That is you' })).toBeTruthy();
    await user.type(screen.getByRole('combobox', { name: 'Search conversations and people' }), 'sunyoung');
    expect(await screen.findByText('That is you.')).toBeTruthy();
  });

  test('is not started by the search for an unknown handle', async () => {
    const { user, path } = renderApp('/messages');
    await user.type(await screen.findByRole('combobox', { name: 'Search conversations and people' }), '@unknown');
    expect(await screen.findByText(wholeText('There is no user @unknown.'))).toBeTruthy();
    await user.keyboard('{Enter}');
    expect(path()).toBe('/messages');
  });
});

describe('drafts', () => {
  test('belong to their conversation and survive a reload', async () => {
    const other = stack.addConversation('lore', ['lore', 'Hello!', Date.now()]);
    const first = renderApp(`/messages/${group}`);
    await first.user.type(await field(), 'half a');
    await first.user.click(within(await list()).getByRole('link', { name: /Lore Winters/ }));
    expect(await field('Lore Winters')).toHaveProperty('value', '');
    expect(first.path()).toBe(`/messages/${other}`);
    const row = within(await list()).getByRole('link', { name: /Scarlett Ho/ });
    expect(row.textContent).toContain('Draft: half a');
    typeElsewhere('');
    expect(row.textContent).not.toContain('Draft');
    typeElsewhere('half a');
    expect(row.textContent).toContain('Draft: half a');
    await first.user.click(row);
    expect(row.textContent).not.toContain('Draft');
    first.unmount();
    renderApp(`/messages/${group}`);
    expect(await field()).toHaveProperty('value', 'half a');
  });

  test('to people without a conversation are in the inbox', async () => {
    const { user } = renderApp('/messages/new/lore');
    await user.type(await field('Lore Winters'), 'a draft');
    await user.click(within(await list()).getByRole('link', { name: /Scarlett Ho/ }));
    await field();
    await user.click(within(await list()).getByRole('link', { name: /Lore Winters.*Draft: a draft/ }));
    expect(await field('Lore Winters')).toHaveProperty('value', 'a draft');
  });

  test('are shared by two windows', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await user.type(box, 'from here');
    await waitFor(() => expect(storedKeys()).toHaveLength(1));
    typeElsewhere('from here and there');
    expect(box).toHaveProperty('value', 'from here and there');
    typeElsewhere('');
    expect(box).toHaveProperty('value', '');
  });

  test('can have any length, and the page explains that it stores a part of long ones', async () => {
    const { user, unmount } = renderApp(`/messages/${group}`);
    await user.click(await field());
    await user.paste('x'.repeat(1_000_000));
    await user.keyboard('y');
    expect(screen.getByText(/only the first 20,000 characters/)).toBeTruthy();
    expect(await field()).toHaveProperty('value', `${'x'.repeat(1_000_000)}y`);
    unmount();
    renderApp(`/messages/${group}`);
    expect(await field()).toHaveProperty('value', 'x'.repeat(20_000));
  });

  test('are removed at sign-out', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'half a');
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(screen.getByText(/One draft has not been sent/)).toBeTruthy();
    await user.click(screen.getByRole('button', { name: 'Sign out and delete' }));
    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeTruthy();
    expect(localStorage).toHaveLength(0);
  });

  test('are removed when another window signs out', async () => {
    const { user, account } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'half a');
    act(() => account.setState({ person: null, lapsed: false, problem: null }));
    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeTruthy();
    expect(storedKeys()).toEqual([]);
  });
});
