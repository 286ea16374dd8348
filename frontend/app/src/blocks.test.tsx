import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test } from 'vitest';
import { FakeStack, uuid } from './testing/fake-stack.ts';
import { field, list, shownTexts } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

/** The pause between the messages, which are young enough to be edited. */
const PAUSE = 5 * 60_000;

let stack: FakeStack;
let group: string;
let scarlett: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  scarlett = stack.users[1]?.uuid ?? '';
  group = stack.addConversation('scarlett', ['sunyoung', 'Hello', now - 2 * PAUSE], ['scarlett', 'Hello!', now - PAUSE]);
  stack.addConversation('lore', ['lore', 'Hi', now - 3 * PAUSE]);
});

type App = ReturnType<typeof renderApp>;
const row = async () => within(await list()).queryByRole('link', { name: /Scarlett Ho/ });
const notice = () => screen.findByRole('group', { name: 'Blocked' });
const search = () => screen.findByRole('combobox', { name: 'Search conversations and people' });
const requests = () => stack.changes.map(({ request }) => request).filter((request) => request.includes('/blocks/'));

async function block({ user }: App) {
  await user.click(await screen.findByRole('button', { name: 'Menu of this conversation' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Block…' }));
  const question = within(await screen.findByRole('dialog', { name: 'Block this person?' }));
  expect(document.activeElement).toBe(question.getByRole('button', { name: 'Cancel' }));
  await user.click(question.getByRole('button', { name: 'Block' }));
}

describe('a block', () => {
  test('removes the conversation from the inbox and its field, and its end returns both', async () => {
    const app = renderApp(`/messages/${group}`);
    await field();
    expect(await row()).toBeTruthy();
    await block(app);
    await notice();
    expect(await row()).toBeNull();
    expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
    await waitFor(() => expect(requests()).toEqual([`PUT /api/blocks/${scarlett}`]));

    await app.user.click(within(await notice()).getByRole('button', { name: 'Unblock' }));
    expect(document.activeElement).toBe(await field());
    await waitFor(async () => expect(await row()).toBeTruthy());
    expect(stack.blocks.size).toBe(0);
  });

  test('stays while the list of the server still has the conversation', async () => {
    stack.listsAreLate = true;
    const app = renderApp(`/messages/${group}`);
    await field();
    await block(app);
    await waitFor(() => expect(requests()).toHaveLength(1));
    const reads = stack.tokens.length;
    stack.receive(stack.groups.find(({ handle }) => handle === 'lore')?.uuid ?? '', 'lore', 'News');
    await waitFor(async () => expect(within(await list()).getByText('News')).toBeTruthy());
    await waitFor(() => expect(stack.tokens.length).toBeGreaterThan(reads));
    expect(await row()).toBeNull();
  });

  test('that fails is undone, with the reason', async () => {
    const app = renderApp(`/messages/${group}`);
    await field();
    stack.changeFailure = { status: 403, body: ['user_not_provisioned'] };
    await block(app);
    expect(await screen.findByText('Not blocked. Your account is not set up for messages yet.')).toBeTruthy();
    expect(await row()).toBeTruthy();
    expect(await field()).toBeTruthy();
  });

  test('is shown in a conversation that is opened by its address, whose other member wrote nothing', async () => {
    stack.blocks.set(scarlett, new Date().toISOString());
    stack.threads.get(group)?.pop();
    const { user } = renderApp(`/messages/${group}`);
    expect(within(await notice()).getByText('Scarlett Ho')).toBeTruthy();
    stack.changeFailure = { status: 422, body: ['user_is_caller'] };
    await user.click(screen.getByRole('button', { name: 'Unblock' }));
    expect(await screen.findByText('Not unblocked. You can’t block yourself.')).toBeTruthy();
  });

  test('by another device is found by a refused message, whose text stays', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const box = await field();
    await waitFor(() => expect(stack.shown).toEqual([group]));
    await user.type(box, 'Are you there?');
    // Immediately before the message: the page may load the group again at any time.
    stack.blocks.set(scarlett, new Date().toISOString());
    await user.keyboard('{Enter}');
    expect(await screen.findByText('Not sent. You have blocked this person. Unblock them to write.')).toBeTruthy();
    await user.click(within(await notice()).getByRole('button', { name: 'Unblock' }));
    await user.click(await screen.findByRole('button', { name: 'Retry' }));
    await waitFor(() => expect(stack.threads.get(group)?.at(-1)?.message).toBe('Are you there?'));
  });
});

test('messages, edits and reactions that the other user does not accept keep their text, and are not repeated', async () => {
  stack.refusing.add(scarlett);
  const { user } = renderApp(`/messages/${group}`);
  await user.type(await field(), 'Are you there?{Enter}');
  expect(await screen.findByText('Not sent. This person doesn’t accept your messages.')).toBeTruthy();
  expect(shownTexts().at(-1)).toBe('Are you there?');
  await user.click(screen.getByRole('button', { name: 'Delete' }));
  await user.keyboard('{ArrowUp}');
  await user.click(await field());
  await user.keyboard('{ArrowUp}');
  await user.clear(await screen.findByRole('textbox', { name: 'Edit the message' }));
  await user.keyboard('Changed{Enter}');
  expect(await screen.findByText('Not changed. This person doesn’t accept your messages.')).toBeTruthy();
  expect(shownTexts()[0]).toBe('Hello');
  expect(stack.posts).toHaveLength(1);
});

test('the settings list the blocked people, page by page, and end blocks', async () => {
  for (let number = 0; number < 31; number += 1) {
    stack.users.push({ uuid: uuid(300 + number), handle: `person${number}`, display_name: `Person ${number}` });
    stack.blocks.set(uuid(300 + number), '2026-11-22T09:31:00.000000Z');
  }
  stack.blocks.set(scarlett, '2026-11-22T09:31:00.000000Z');
  const { user } = renderApp('/messages');
  await list();
  expect(await row()).toBeNull();
  await user.click(screen.getByRole('button', { name: 'Settings' }));
  const settings = within(await screen.findByRole('dialog', { name: 'Settings' }));
  await user.click(settings.getByText('Blocked people'));
  await waitFor(() => expect(settings.getAllByRole('listitem')).toHaveLength(30));
  await user.click(settings.getByRole('button', { name: 'Show more people' }));
  await waitFor(() => expect(settings.getAllByRole('listitem')).toHaveLength(32));
  await user.click(settings.getByRole('button', { name: 'Unblock Scarlett Ho' }));
  expect(await settings.findByText('Scarlett Ho is no longer blocked.')).toBeTruthy();
  expect(settings.getAllByRole('listitem')).toHaveLength(31);
  await waitFor(async () => expect(await row()).toBeTruthy());
});

test('the settings say that nobody is blocked', async () => {
  const { user } = renderApp('/messages');
  await list();
  await user.click(screen.getByRole('button', { name: 'Settings' }));
  await user.click(await screen.findByText('Blocked people'));
  expect(await screen.findByText('You have not blocked anyone.')).toBeTruthy();
});

describe('the search', () => {
  test('finds conversations at once and people below them, and the keyboard opens one', async () => {
    stack.users.push({ uuid: uuid(300), handle: 'winters', display_name: 'Lorena Park' });
    const { user, path } = renderApp('/messages');
    await within(await list()).findByRole('link', { name: /Lore Winters/ });
    const box = await search();
    await user.type(box, 'w');
    const found = await screen.findByRole('option', { name: /Lore Winters/ });
    expect(found.closest('[role="group"]')?.getAttribute('aria-label')).toBe('Conversations');
    expect(stack.searches).toEqual([]);
    await user.type(box, 'in');
    const person = await screen.findByRole('option', { name: /Lorena Park/ });
    expect(screen.getAllByRole('option')).toEqual([found, person]);
    expect(screen.getByText(/^2 results\./)).toBeTruthy();
    expect(box.getAttribute('aria-activedescendant')).toBe(found.id);
    await user.keyboard('{ArrowDown}');
    expect(box.getAttribute('aria-activedescendant')).toBe(person.id);
    await user.keyboard('{Enter}');
    expect(path()).toBe('/messages/new/winters');
    await user.type(await field('Lorena Park'), 'Hello{Enter}');
    await waitFor(() => expect(stack.posts[0]?.body).toEqual({ message: 'Hello', user_uuid: uuid(300) }));
  });

  test('Escape clears the field, then returns the focus', async () => {
    const { user } = renderApp(`/messages/${group}`);
    const composer = await field();
    expect(document.activeElement).toBe(composer);
    const box = await search();
    box.focus();
    await user.type(box, 'scar', { skipClick: true });
    await screen.findByRole('option', { name: /Scarlett Ho/ });
    await user.keyboard('{Escape}');
    expect([box, screen.queryByRole('option')]).toEqual([expect.objectContaining({ value: '' }), null]);
    await user.keyboard('{Escape}');
    expect(document.activeElement).toBe(composer);
  });

  test('searches once per pause, from two characters on, and a failure leaves the handle', async () => {
    const { user } = renderApp('/messages');
    await user.type(await search(), 'l');
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(stack.searches).toEqual([]);
    stack.failure = { status: 503, body: ['unavailable'] };
    await user.paste('ore');
    await waitFor(() => expect(stack.searches).toEqual(['lore']));
    expect(screen.getAllByRole('option', { name: /Lore Winters/ })).toHaveLength(1);
  });
});
