import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, expect, test } from 'vitest';
import { FakeStack, uuid } from './testing/fake-stack.ts';
import { field, list } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';

let stack: FakeStack;

beforeEach(() => {
  stack = new FakeStack();
  stack.devices = [
    { device_uuid: uuid(1), connected_at: '2026-11-30T05:49:48.000000Z', user_agent: FIREFOX },
    { device_uuid: uuid(2), connected_at: '2026-11-29T05:49:48.000000Z' },
  ];
  localStorage.setItem('cruddur.device.sub-of-sunyoung', uuid(1));
});

const signOuts = () => stack.changes.filter(({ request }) => request === 'DELETE /api/me/devices').length;

async function openDevices({ user }: ReturnType<typeof renderApp>) {
  await user.click(await screen.findByRole('button', { name: 'Settings' }));
  await user.click(await screen.findByText('Devices'));
}

test('the settings list the devices, and mark this one', async () => {
  const app = renderApp('/messages');
  await list();
  await openDevices(app);
  await screen.findByText('These devices are connected, or were in the last two hours.');
  const devices = within(screen.getByRole('dialog', { name: 'Settings' })).getAllByRole('listitem');
  expect(devices.map(({ textContent }) => textContent)).toEqual([
    expect.stringMatching(/^Firefox on Linux \(this device\)Connected at .*2026/),
    expect.stringMatching(/^Unknown deviceConnected at .*2026/),
  ]);
});

test('a sign-out everywhere is confirmed, and then signs out here', async () => {
  const app = renderApp('/messages');
  const { user, account } = app;
  await list();
  await openDevices(app);
  const start = screen.getByRole('button', { name: 'Sign out everywhere' });
  await user.click(start);
  const question = within(screen.getByRole('alertdialog', { name: 'Sign out?' }));
  expect(document.activeElement).toBe(question.getByRole('button', { name: 'Stay' }));
  await user.keyboard('{Escape}');
  expect(screen.queryByRole('alertdialog')).toBeNull();
  expect(document.activeElement).toBe(start);
  expect(signOuts()).toBe(0);

  stack.changeFailure = { status: 403, body: ['user_not_provisioned'] };
  await confirm(app);
  await screen.findByText('Your account is not set up for messages yet.');
  expect(account.state().person).not.toBeNull();

  stack.changeFailure = null;
  await confirm(app);
  await waitFor(() => expect(account.state().person).toBeNull());
  expect(signOuts()).toBe(2);
  expect(localStorage.length).toBe(0);
});

test('devices that can not be listed can be signed out', async () => {
  stack.failure = { status: 403, body: [] };
  const app = renderApp('/messages');
  await openDevices(app);
  await screen.findByText('The server does not allow this.', { selector: 'dialog *' });
  await confirm(app);
  await waitFor(() => expect(app.account.state().person).toBeNull());
});

test('the confirmation names unsent messages', async () => {
  const group = stack.addConversation('scarlett', ['scarlett', 'Hello', Date.now() - 60_000]);
  stack.sendResponses = [{ status: 422, body: ['message_blank'] }];
  const app = renderApp(`/messages/${group}`);
  await app.user.type(await field(), 'Hello{Enter}');
  await screen.findByText(/^Not sent\./);
  await openDevices(app);
  await app.user.click(screen.getByRole('button', { name: 'Sign out everywhere' }));
  expect(screen.getByText(/this one included\? One message has not been sent yet\./)).toBeTruthy();
});

async function confirm({ user }: ReturnType<typeof renderApp>) {
  await user.click(screen.getByRole('button', { name: 'Sign out everywhere' }));
  const question = within(screen.getByRole('alertdialog', { name: 'Sign out?' }));
  await user.click(question.getByRole('button', { name: 'Sign out everywhere' }));
}
