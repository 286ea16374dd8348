import { screen, waitFor, within } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { beforeEach, describe, expect, test } from 'vitest';
import type { User } from '@cruddur/client';
import { FakeAccount } from './testing/fake-account.ts';
import { FakeStack, server, uuid } from './testing/fake-stack.ts';
import { field, list, shownTexts, wholeText } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const SEARCH = 'Search conversations and people';

let stack: FakeStack;

beforeEach(() => {
  stack = new FakeStack();
});

/** An account whose id token names this handle. */
function accountOf(requested: string): FakeAccount {
  const account = new FakeAccount();
  account.setState({ person: { id: 'sub-of-sam', handle: requested, name: 'Sam' }, lapsed: false, problem: null });
  return account;
}

/** Whether each message is shown as own, oldest first. */
const sides = () =>
  [...document.querySelectorAll('.cruddur-message')].map((item) => (item.classList.contains('cruddur-own') ? 'own' : 'other'));

describe.each([
  ['taken', 'scarlett', '@scarlett was taken.'],
  ['malformed', 'Sam Lee', '“Sam Lee” can\'t be a handle. Handles have at most 30 characters: letters, digits, and . _ - only.'],
  ['missing', '', 'You did not choose a handle when you signed up.'],
])('a user whose requested handle was %s', (_, requested, reason) => {
  let account: FakeAccount;
  let group: string;

  beforeEach(() => {
    account = accountOf(requested);
    stack.me = { uuid: uuid(300), handle: 'user-5a1e0000', display_name: 'Sam' };
    stack.users.push(stack.me);
    group = stack.addConversation('scarlett', ['user-5a1e0000', 'Mine', 1000], ['scarlett', 'Theirs', 2000]);
  });

  test('sees own messages on the right and the others on the left', async () => {
    renderApp(`/messages/${group}`, account);
    await waitFor(() => expect(shownTexts()).toEqual(['Mine', 'Theirs']));
    expect(sides()).toEqual(['own', 'other']);
  });

  test('sees a notice with the actual handle once', async () => {
    const { user, unmount } = renderApp('/messages', account);
    const notice = await screen.findByText(wholeText(`${reason} You are @user-5a1e0000; people need this handle to write to you.`));
    await user.click(screen.getByRole('button', { name: 'OK' }));
    expect(notice.isConnected).toBe(false);
    unmount();
    renderApp('/messages', accountOf(requested));
    expect(await screen.findByText('@user-5a1e0000')).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'OK' })).toBeNull();
  });

  test('finds themselves by the actual handle, and another user by the requested one', async () => {
    const { user, path } = renderApp('/messages', account);
    const search = await screen.findByRole('combobox', { name: SEARCH });
    await user.type(search, 'user-5a1e0000');
    expect(await screen.findByText('That is you.')).toBeTruthy();
    await user.clear(search);
    await user.type(search, 'scarlett');
    await user.click(await screen.findByRole('option', { name: /Scarlett Ho/ }));
    await waitFor(() => expect(path()).toBe(`/messages/${group}`));
  });
});

test('a user with the requested handle sees no notice', async () => {
  renderApp('/messages');
  expect(await screen.findByText('@sunyoung')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'OK' })).toBeNull();
});

test('a device that has stored the user recognizes own messages without a response', async () => {
  const group = stack.addConversation('scarlett', ['sunyoung', 'Mine', 1000], ['scarlett', 'Theirs', 2000]);
  const first = renderApp('/messages');
  await screen.findByText('@sunyoung');
  first.unmount();
  stack.meFails = true;
  renderApp(`/messages/${group}`);
  await waitFor(() => expect(sides()).toEqual(['own', 'other']));
});

test('a device does not store the user after a sign-out, even if the response comes later', async () => {
  const held: { respond?: () => void } = {};
  const request = new Promise<void>((resolve) => {
    server.use(
      http.get('http://localhost:3000/api/me', async () => {
        resolve();
        await new Promise<void>((resolved) => {
          held.respond = resolved;
        });
        return HttpResponse.json(stack.me);
      }),
    );
  });
  const { user } = renderApp('/messages');
  await request;
  await user.click(screen.getByRole('button', { name: 'Sign out' }));
  held.respond?.();
  // A later request ends after the response was read.
  await fetch('http://localhost:3000/api/message_groups');
  await screen.findByRole('button', { name: 'Sign in' });
  // The page of another test may store its lists late.
  expect(Object.keys(localStorage).filter((key) => !key.startsWith('cruddur.lists.sub-of-sam.'))).toEqual([]);
});

test('no messages are shown before the own uuid is known', async () => {
  const group = stack.addConversation('scarlett', ['sunyoung', 'Mine', 1000], ['scarlett', 'Theirs', 2000]);
  stack.meFails = true;
  renderApp(`/messages/${group}`);
  expect(await screen.findByText('The server is not available at the moment.')).toBeTruthy();
  expect(sides()).toEqual([]);
});

describe('a handle that changed hands', () => {
  const ROBERT: User = { uuid: uuid(400), handle: 'bob', display_name: 'Robert Old' };
  const BOBBY: User = { uuid: uuid(401), handle: 'bob', display_name: 'Bobby New' };

  test('leads to its current user, not to the conversation with the former one', async () => {
    stack.users.push(ROBERT);
    stack.addConversation('bob', ['bob', 'Hello', 1000]);
    stack.users.splice(stack.users.indexOf(ROBERT), 1, BOBBY);
    const { user, path } = renderApp('/messages');
    await within(await list()).findByRole('link', { name: /Robert Old/ });
    await user.type(screen.getByRole('combobox', { name: SEARCH }), 'bob');
    await user.click(await screen.findByRole('option', { name: /Bobby New/ }));
    expect(path()).toBe('/messages/new/bob');
    await user.type(await field('Bobby New'), 'for Bobby{Enter}');
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'for Bobby', user_uuid: BOBBY.uuid }));
  });

  test('does not change the recipient of a waiting message', async () => {
    stack.users.push(ROBERT);
    stack.sendResponses = [{ status: 503, body: ['unavailable'] }];
    const first = renderApp('/messages/new/bob');
    await first.user.type(await field('Robert Old'), 'for Robert{Enter}');
    await screen.findByText(/^Not sent yet\./);
    first.unmount();
    stack.users.splice(stack.users.indexOf(ROBERT), 1, BOBBY, { ...ROBERT, handle: 'robert' });
    renderApp('/messages');
    await waitFor(() => expect(stack.posts).toHaveLength(2));
    expect(stack.posts[1]?.body).toEqual({ message: 'for Robert', user_uuid: ROBERT.uuid });
  });

  test('makes the page ask for the recipient of a draft, who can be the current user', async () => {
    stack.users.push(ROBERT);
    const first = renderApp('/messages/new/bob');
    await first.user.type(await field('Robert Old'), 'a draft');
    first.unmount();
    stack.users.splice(stack.users.indexOf(ROBERT), 1, BOBBY, { ...ROBERT, handle: 'robert' });
    const { user } = renderApp('/messages/new/bob');
    const question = await screen.findByRole('group', { name: 'To whom?' });
    expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
    await user.click(within(question).getByRole('button', { name: 'Bobby New' }));
    expect(await field('Bobby New')).toHaveProperty('value', '');
    await user.type(await field('Bobby New'), 'for Bobby{Enter}');
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'for Bobby', user_uuid: BOBBY.uuid }));
  });

  test('makes the page ask for the recipient of a draft, who can be the former user', async () => {
    stack.users.push(ROBERT);
    const first = renderApp('/messages/new/bob');
    await first.user.type(await field('Robert Old'), 'a draft');
    first.unmount();
    stack.users.splice(stack.users.indexOf(ROBERT), 1, BOBBY, { ...ROBERT, handle: 'robert' });
    const { user } = renderApp('/messages/new/bob');
    await user.click(within(await screen.findByRole('group', { name: 'To whom?' })).getByRole('button', { name: 'Robert Old' }));
    await user.type(await field('Robert Old'), '!{Enter}');
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'a draft!', user_uuid: ROBERT.uuid }));
  });

  test('holds a message by handle of an earlier version until its author confirms it', async () => {
    stack.users.push(BOBBY);
    const stored = {
      id: 'old',
      target: { kind: 'handle', handle: 'bob' },
      text: 'for bob',
      created: Date.now(),
      vouched: Date.now(),
      attempts: 0,
      group: null,
      state: { name: 'waiting', notBefore: 0, problem: null },
    };
    localStorage.setItem('cruddur.outbox.sub-of-sunyoung.old', JSON.stringify(stored));
    const { user } = renderApp('/messages');
    await user.click(await within(await list()).findByRole('link', { name: /@bob.*Not sent/ }));
    expect(await screen.findByText(/Send it to the current @bob\?/)).toBeTruthy();
    expect(stack.posts).toEqual([]);
    await user.click(screen.getByRole('button', { name: 'Send now' }));
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'for bob', handle: 'bob' }));
  });
});

test('a name does not change the direction of the text around it', async () => {
  stack.users.push({ uuid: uuid(500), handle: 'bank', display_name: 'Bank support \u202Egro.knab' });
  renderApp('/messages/new/bank');
  const line = await screen.findByText(wholeText(/^No messages with Bank support gro\.knab yet\./));
  expect(line.querySelector('bdi')?.textContent).toBe('Bank support gro.knab');
  expect(document.title).not.toMatch(/\u202E/);
});
