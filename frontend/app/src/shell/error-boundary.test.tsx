import { render, screen } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { beforeEach, expect, test, vi } from 'vitest';
import { faults } from '../faults.ts';
import { FakeAccount } from '../testing/fake-account.ts';
import { ErrorBoundary } from './error-boundary.tsx';

let broken: boolean;

function Broken() {
  if (broken) {
    throw new Error('a bug');
  }
  return <p>All is well</p>;
}

function boundary(account: FakeAccount, place = '/messages/1') {
  return (
    <ErrorBoundary account={account} extent="part" place={place}>
      <Broken />
    </ErrorBoundary>
  );
}

beforeEach(() => {
  broken = true;
  // React logs caught errors.
  vi.spyOn(console, 'error').mockReturnValue();
  localStorage.setItem('cruddur.draft.sub-of-sunyoung.group:1', '{"text":"half a sentence","at":1}');
  localStorage.setItem('cruddur.outbox.sub-of-sunyoung.x', 'of another version');
  localStorage.setItem('cruddur.me.sub-of-sunyoung', '{}');
  localStorage.setItem('cruddur.draft.another.group:1', '{"text":"not mine","at":1}');
});

test('an error is reported and shows the stored texts, and "Try again" renders again', async () => {
  faults.report = vi.fn<() => void>();
  render(boundary(new FakeAccount()));
  expect(faults.report).toHaveBeenCalledExactlyOnceWith(new Error('a bug'));
  delete faults.report;
  expect(screen.getByRole('alert').textContent).toMatch(/What you have written is kept/);
  expect(screen.getAllByRole('listitem', { hidden: true }).map((item) => item.textContent)).toEqual([
    'of another version',
    'half a sentence',
  ]);
  broken = false;
  await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
  expect(screen.getByText('All is well')).toBeTruthy();
  expect(localStorage).toHaveLength(4);
});

test('an error in one place does not affect another', () => {
  const account = new FakeAccount();
  const { rerender } = render(boundary(account));
  broken = false;
  rerender(boundary(account, '/messages/2'));
  expect(screen.getByText('All is well')).toBeTruthy();
});

test('signing out of a broken page removes everything from the device', async () => {
  const account = new FakeAccount();
  render(boundary(account));
  await userEvent.click(screen.getByText('If that does not help'));
  await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
  expect(account.state().person).toBeNull();
  expect(Object.keys(localStorage)).toEqual(['cruddur.draft.another.group:1']);
});
