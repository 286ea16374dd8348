import { act, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeStack, uuid } from '../testing/fake-stack.ts';
import { field, list, shown } from '../testing/page.ts';
import { renderApp } from '../testing/render-app.tsx';

const HOUR = 3_600_000;

let stack: FakeStack;
let group: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  group = stack.converse(
    'scarlett',
    ['scarlett', 'Are you there?', now - 2 * HOUR],
    ['sunyoung', 'I am.', now - HOUR],
  );
});

describe('sending', () => {
  test('Enter sends and Shift+Enter breaks the line', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'one{Shift>}{Enter}{/Shift}two{Enter}');
    await waitFor(() => expect(stack.posts).toHaveLength(1));
    expect(stack.posts[0]?.body).toEqual({ message: 'one\ntwo', message_group_uuid: group });
    expect(await field()).toHaveProperty('value', '');
  });

  test('an Enter that ends a composition does not send', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await user.type(box, 'text');
    const enter = new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, isComposing: true });
    act(() => void box.dispatchEvent(enter));
    expect([enter.defaultPrevented, stack.posts.length]).toEqual([false, 0]);
  });

  test('shows the message at once, and once', async () => {
    stack.slowness = 500;
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    expect(shown().at(-1)).toBe('Hello');
    expect(screen.getByText('Sending…')).toBeTruthy();
    await waitFor(() => expect(screen.queryByText('Sending…')).toBeNull());
    await waitFor(() => expect(localStorage).toHaveLength(0));
    expect(shown().filter((text) => text === 'Hello')).toEqual(['Hello']);
  });

  test('a message whose answer was lost is stored and shown once', async () => {
    stack.answers = ['lost'];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    await waitFor(() => expect(localStorage).toHaveLength(0));
    expect(stack.posts[0]?.key).toBe(stack.posts[1]?.key);
    expect(shown().filter((text) => text === 'Hello')).toEqual(['Hello']);
    expect(stack.threads.get(group)).toHaveLength(3);
  });

  test('a refusal says why; one may delete the message', async () => {
    stack.answers = [{ status: 422, body: ['message_exceed_max_chars'] }];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    expect(await screen.findByText('Not sent. This message is longer than 1024 characters.')).toBeTruthy();
    const news = screen.getByText('Your message: Not sent. This message is longer than 1024 characters.');
    expect(news.getAttribute('role')).toBe('status');
    await user.click(screen.getByRole('button', { name: 'Delete' }));
    expect(shown()).not.toContain('Hello');
    expect(stack.posts).toHaveLength(1);
  });

  test('a refused message is sent anew, with its key, when one asks', async () => {
    stack.answers = [{ status: 404, body: { message: 'Not Found' } }];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    await user.click(await screen.findByRole('button', { name: 'Retry' }));
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[0]?.key).toBe(stack.posts[1]?.key);
  });

  test('what a page left unsent is sent by the next, in its conversation', async () => {
    stack.answers = [{ status: 503, body: ['unavailable'] }];
    const first = renderApp(`/messages/${group}`);
    await first.user.type(await field(), 'Hello{Enter}');
    await screen.findByText(/^Not sent yet\./);
    first.unmount();
    renderApp('/messages');
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[1]).toEqual(stack.posts[0]);
  });

  test('blank and too long texts can not be sent', async () => {
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
  test('is found by handle, stands on top of the list, and becomes its group with the first message', async () => {
    const { user, path } = renderApp('/messages');
    await user.type(await screen.findByRole('textbox', { name: 'Start a conversation by handle' }), '@LORE');
    await user.click(await screen.findByRole('link', { name: /Write to Lore Winters/ }));
    expect(path()).toBe('/messages/new/lore');
    const first = within(await list()).getAllByRole('link')[0];
    expect(first?.textContent).toContain('Lore Winters');
    expect(first?.getAttribute('aria-current')).toBe('page');

    stack.slowness = 200;
    await user.type(await field('Lore Winters'), 'one{Enter}two{Enter}thr');
    await waitFor(() => expect(path()).toMatch(/^\/messages\/0000/));
    await waitFor(() => expect(shown()).toEqual(['one', 'two']));
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[0]?.body).toEqual({ message: 'one', handle: 'lore' });
    expect(await field('Lore Winters')).toHaveProperty('value', 'thr');
  });

  test('with whom there is one already goes there', async () => {
    const { path } = renderApp('/messages/new/Scarlett');
    await waitFor(() => expect(path()).toBe(`/messages/${group}`));
  });

  test('with whom there is one far down the list goes there as well', async () => {
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

  test('with nobody says so', async () => {
    renderApp('/messages/new/nobody');
    expect(await screen.findByRole('heading', { name: 'No such user' })).toBeTruthy();
    expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
  });

  test('with oneself is not offered', async () => {
    const { user } = renderApp('/messages/new/Sunyoung');
    expect(screen.getByRole('heading', { name: 'That is you' })).toBeTruthy();
    await user.type(screen.getByRole('textbox', { name: 'Start a conversation by handle' }), 'sunyoung');
    expect(screen.getByText('That is you.')).toBeTruthy();
  });

  test('with an unknown handle is told while one types', async () => {
    const { user, path } = renderApp('/messages');
    await user.type(await screen.findByRole('textbox', { name: 'Start a conversation by handle' }), 'nobody');
    expect(await screen.findByText('There is no user @nobody.')).toBeTruthy();
    await user.keyboard('{Enter}');
    expect(path()).toBe('/messages');
  });
});

describe('drafts', () => {
  test('belong to their conversation and outlive the page', async () => {
    const other = stack.converse('lore', ['lore', 'Hello!', Date.now()]);
    const first = renderApp(`/messages/${group}`);
    await first.user.type(await field(), 'half a');
    await first.user.click(within(await list()).getByRole('link', { name: /Lore Winters/ }));
    expect(await field('Lore Winters')).toHaveProperty('value', '');
    expect(first.path()).toBe(`/messages/${other}`);
    first.unmount();
    renderApp(`/messages/${group}`);
    expect(await field()).toHaveProperty('value', 'half a');
  });

  test('are gone after signing out', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'half a');
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(await screen.findByRole('button', { name: 'Sign in' })).toBeTruthy();
    expect(localStorage).toHaveLength(0);
  });
});
