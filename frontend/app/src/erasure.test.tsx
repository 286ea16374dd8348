import { screen, waitFor } from '@testing-library/react';
import { beforeEach, expect, test } from 'vitest';
import { FakeStack } from './testing/fake-stack.ts';
import { list } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

let stack: FakeStack;

beforeEach(() => {
  stack = new FakeStack();
});

const deletions = () => stack.changes.filter(({ request }) => request === 'DELETE /api/me').length;

test('an account is deleted after its handle is typed, and then signed out', async () => {
  const { user, account } = renderApp('/messages');
  await list();
  await user.click(screen.getByRole('button', { name: 'Settings' }));
  await user.click(await screen.findByText('Delete my account'));
  const button = screen.getByRole('button', { name: 'Delete' });
  expect(button).toHaveProperty('disabled', true);
  const field = await screen.findByRole('textbox', { name: /^Type your handle, @sunyoung/ });
  await user.type(field, 'scarlett{Enter}');
  expect(button).toHaveProperty('disabled', true);
  expect(deletions()).toBe(0);

  await user.clear(field);
  await user.type(field, '@SunYoung');
  stack.changeFailure = { status: 403, body: ['user_not_provisioned'] };
  await user.click(button);
  await screen.findByText('Your account is not set up for messages yet.');
  expect(account.state().person).not.toBeNull();

  stack.changeFailure = null;
  await user.click(button);
  await waitFor(() => expect(account.state().person).toBeNull());
  expect(deletions()).toBe(2);
});
