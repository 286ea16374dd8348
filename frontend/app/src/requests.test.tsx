import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, test } from 'vitest';
import { FakeStack } from './testing/fake-stack.ts';
import { field, list } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const HOUR = 3_600_000;
// A change on another device takes a reading of the log and a request.
const ELSEWHERE = { timeout: 8000 };

let stack: FakeStack;
let group: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  stack.addConversation('lore', ['lore', 'Hi', now - 3 * HOUR]);
  group = stack.addConversation('scarlett', ['scarlett', 'Do you remember me?', now - HOUR]);
  stack.requests.set(group, 'pending');
});

const row = async () => within(await list()).queryByRole('link', { name: /Scarlett Ho/ });
const notice = () => screen.findByRole('group', { name: 'Message request' });
const answers = () => stack.changes.map(({ request }) => request).filter((request) => request.includes('/message_requests/'));

test('a request is not in the inbox until it is accepted in its conversation', async () => {
  const { user } = renderApp(`/messages/${group}`);
  const request = within(await notice());
  expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
  expect(await row()).toBeNull();
  await user.click(request.getByRole('button', { name: 'Accept' }));
  await field();
  await waitFor(async () => expect(await row()).toBeTruthy());
  expect(answers()).toEqual([`PUT /api/message_requests/${group}`]);
});

test('requests are listed above the inbox, not counted in the title, and can be declined', async () => {
  const { user } = renderApp('/messages');
  await user.click(await screen.findByText('Requests (1)'));
  await user.click(await screen.findByRole('button', { name: 'Decline the request of Scarlett Ho' }));
  const outcome = await screen.findByText('You have declined the request of Scarlett Ho.');
  expect(document.activeElement).toBe(outcome);
  expect(answers()).toEqual([`DELETE /api/message_requests/${group}`]);
  expect(screen.queryByText('Do you remember me?')).toBeNull();
  expect(await row()).toBeNull();
  // The conversation with Lore.
  await waitFor(() => expect(document.title).toBe('(1) Cruddur Messages'));

  await user.click(screen.getByText('Requests (0)'));
  // It keeps the focus.
  expect(screen.getByText('Requests (0)')).toBeTruthy();
  await user.tab();
  await waitFor(() => expect(screen.queryByText(/^Requests/)).toBeNull());
});

test('a declined request that is accepted in its conversation is not shown as declined', async () => {
  const { user } = renderApp(`/messages/${group}`);
  await user.click(await screen.findByText('Requests (1)'));
  await user.click(await screen.findByRole('button', { name: 'Decline the request of Scarlett Ho' }));
  await screen.findByText('You have declined the request of Scarlett Ho.');
  await screen.findByText('You have declined this request. You can still accept it.');
  await user.click(screen.getByRole('button', { name: 'Accept' }));
  await waitFor(() => expect(screen.queryByText('You have declined the request of Scarlett Ho.')).toBeNull());
});

test('an accepted request leaves the section and is in the inbox', async () => {
  const { user } = renderApp('/messages');
  await user.click(await screen.findByText('Requests (1)'));
  await user.click(await screen.findByRole('button', { name: 'Accept the request of Scarlett Ho' }));
  await screen.findByText('The conversation with Scarlett Ho is in your inbox now.');
  await waitFor(async () => expect(await row()).toBeTruthy());
  expect(screen.getByText('There are no requests.')).toBeTruthy();
});

test('the section follows the events of requests, without listing them again', async () => {
  const requested = stack.groups.filter(({ uuid }) => uuid === group);
  stack.groups = stack.groups.filter(({ uuid }) => uuid !== group);
  renderApp('/messages');
  await waitFor(() => expect(stack.requestListings).toBeGreaterThan(0));
  // The first reading of the log resets the lists.
  await waitFor(() => expect(stack.eventTokens.length).toBeGreaterThan(1), ELSEWHERE);
  const listings = stack.requestListings;
  expect(screen.queryByText(/^Requests/)).toBeNull();

  stack.groups = [...requested, ...stack.groups];
  stack.changeSettings(group, {});
  expect(await screen.findByText('Requests (1)', {}, ELSEWHERE)).toBeTruthy();
  stack.requests.delete(group);
  stack.changeSettings(group, {});
  await waitFor(() => expect(screen.queryByText(/^Requests/)).toBeNull(), ELSEWHERE);
  expect(await row()).toBeTruthy();
  expect(stack.requestListings).toBe(listings);
});

test('the reason of a failed answer is shown', async () => {
  stack.changeFailure = { status: 403, body: ['user_not_provisioned'] };
  const { user } = renderApp(`/messages/${group}`);
  await user.click(within(await notice()).getByRole('button', { name: 'Decline' }));
  expect(await within(await notice()).findByText(/^The request could not be answered\./)).toBeTruthy();
});

test('the settings have who may write', async () => {
  const { user } = renderApp('/messages');
  await list();
  await user.click(screen.getByRole('button', { name: 'Settings' }));
  const choice = await screen.findByRole('combobox', { name: 'Who may write to me' });
  await waitFor(() => expect(choice).toHaveProperty('disabled', false));
  await user.selectOptions(choice, 'By request');
  await waitFor(() => expect(stack.me.messages_from).toBe('requests'));
  expect(choice).toHaveProperty('value', 'requests');
});
