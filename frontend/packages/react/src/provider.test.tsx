import type { ErrorReport } from '@cruddur/client';
import { render, screen, waitFor } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { Component, type ReactNode, StrictMode } from 'react';
import { beforeEach, expect, test, vi } from 'vitest';
import { FakeStack } from '../../../app/src/testing/fake-stack.ts';
import { field, shownTexts } from '../../../app/src/testing/page.ts';
import { Conversation, type EmojiPickerProps, Inbox, MessagesProvider } from './index.ts';

let stack: FakeStack;

beforeEach(() => {
  stack = new FakeStack();
  stack.addConversation('scarlett', ['scarlett', 'Hello!', Date.now() - 1000]);
});

interface Props {
  user?: string;
  token?: () => Promise<string | null>;
}

const signedIn = () => Promise.resolve('token');

/** A page that has the components, but not the app. */
function Page({ user = 'me', token = signedIn }: Props) {
  return (
    <StrictMode>
      <MessagesProvider url="http://localhost:3000" user={user} token={token}>
        <Inbox />
        <Conversation empty="Nothing is open." />
      </MessagesProvider>
    </StrictMode>
  );
}

test('a draft and a message on its way outlive the components, and the message is sent once', async () => {
  const user = userEvent.setup();
  const first = render(<Page />);
  await user.click(await screen.findByRole('button', { name: /Scarlett Ho/ }));
  stack.delayMillis = 300;
  await user.type(await field(), 'On its way{Enter}Not yet finished');
  await waitFor(() => expect(stack.posts).toHaveLength(1));
  first.unmount();

  render(<Page />);
  await user.click(await screen.findByRole('button', { name: /Scarlett Ho/ }));
  expect(await field()).toHaveProperty('value', 'Not yet finished');
  await waitFor(() => expect(shownTexts()).toEqual(['Hello!', 'On its way']));
  await screen.findAllByText('Sent');
  expect(new Set(stack.posts.map(({ key }) => key)).size).toBe(1);
  expect([...stack.threads.values()].flat().map(({ message }) => message)).toEqual(['Hello!', 'On its way']);
});

test('for another person, the components start anew', async () => {
  const user = userEvent.setup();
  const { rerender } = render(<Page user="me" />);
  await user.click(await screen.findByRole('button', { name: /Scarlett Ho/ }));
  await user.type(await field(), 'A secret');
  rerender(<Page user="somebody-else" />);
  await screen.findByText('Nothing is open.');
  await user.click(await screen.findByRole('button', { name: /Scarlett Ho/ }));
  expect(await field()).toHaveProperty('value', '');
});

test('the provider asks the token function of the last render', async () => {
  const { rerender } = render(<Page token={() => Promise.reject(new Error('not signed in yet'))} />);
  rerender(<Page token={() => Promise.resolve('another')} />);
  await waitFor(() => expect(stack.tokens).toContain('Bearer another'), { timeout: 10_000 });
});

test('without a token, the inbox says that the session has ended', async () => {
  render(<Page token={() => Promise.resolve(null)} />);
  const note = await screen.findByText('Your session has ended. Sign in again.');
  expect(screen.getByRole('navigation', { name: 'Conversations' }).contains(note)).toBe(true);
});

function OwnPicker({ onEmoji, onClose }: EmojiPickerProps) {
  const choose = () => {
    onEmoji('🦀');
    onClose();
  };
  return (
    <button type="button" onClick={choose}>
      Crab
    </button>
  );
}

test('a replaced emoji picker inserts emoji and adds reactions', async () => {
  const user = userEvent.setup();
  render(
    <MessagesProvider
      url="http://localhost:3000"
      user="me"
      token={signedIn}
      components={{ EmojiPicker: OwnPicker }}
      initialPlace={{ kind: 'handle', handle: 'scarlett' }}
    >
      <Conversation />
    </MessagesProvider>,
  );
  await user.type(await field(), 'Hi');
  await user.click(screen.getByRole('button', { name: 'Insert an emoji' }));
  await user.click(screen.getByRole('button', { name: 'Crab' }));
  expect(await field()).toHaveProperty('value', 'Hi🦀');
  expect(screen.queryByRole('button', { name: 'Crab' })).toBeNull();

  await user.pointer({ keys: '[MouseRight]', target: await screen.findByText('Hello!') });
  await user.click(await screen.findByRole('menuitem', { name: 'Other emoji' }));
  await user.click(await screen.findByRole('button', { name: 'Crab' }));
  expect(await screen.findByRole('button', { name: /🦀/ })).toBeTruthy();
});

class PageBoundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? 'The page has its own way.' : this.props.children;
  }
}

function BrokenItem(): never {
  throw new RangeError('no item for "Scarlett Ho"');
}

test('errors of components are reported, and left to the page', async () => {
  // React logs caught errors.
  vi.spyOn(console, 'error').mockReturnValue();
  const reports: ErrorReport[] = [];
  render(
    <PageBoundary>
      <MessagesProvider
        url="http://localhost:3000"
        user="me"
        token={signedIn}
        components={{ GroupItem: BrokenItem }}
        onError={(report) => reports.push(report)}
      >
        <Inbox />
      </MessagesProvider>
    </PageBoundary>,
  );
  await screen.findByText('The page has its own way.');
  await waitFor(() => expect(reports).toMatchObject([{ kind: 'RangeError', message: 'no item for …' }]));
});
