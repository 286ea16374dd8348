import { act, fireEvent, screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { newEntry } from '../../packages/client/src/outbox/entry.ts';
import { FakeAccount } from './testing/fake-account.ts';
import { FakeStack, uuid } from './testing/fake-stack.ts';
import { field, list, shownTexts, wholeText } from './testing/page.ts';
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

describe('the routes', () => {
  test('/ redirects to the inbox', async () => {
    const { path } = renderApp('/');
    expect(await within(await list()).findByRole('link', { name: /Scarlett Ho/ })).toHaveProperty(
      'pathname',
      `/messages/${group}`,
    );
    expect(path()).toBe('/messages');
  });

  test('an unknown path shows "Page not found"', async () => {
    renderApp('/nowhere');
    expect(await screen.findByRole('heading', { name: 'Page not found' })).toBeTruthy();
  });

  test('an unknown group shows "No such conversation"', async () => {
    renderApp(`/messages/${uuid(9)}`);
    expect(await screen.findByRole('heading', { name: 'No such conversation' })).toBeTruthy();
    expect(screen.queryByRole('textbox', { name: /^Message to/ })).toBeNull();
  });

  test.each(['/messages/', '/messages/new', '/messages/new/'])('%s shows the inbox', async (path) => {
    renderApp(path);
    expect(await screen.findByRole('heading', { name: 'Your messages' })).toBeTruthy();
  });

  test('without a session, every path shows the welcome page, and signing in returns to it', async () => {
    const account = new FakeAccount();
    account.setState({ person: null, lapsed: false, problem: null });
    const { user } = renderApp(`/messages/${group}`, account);
    await user.click(await screen.findByRole('button', { name: 'Sign in' }));
    await user.click(screen.getByRole('checkbox', { name: 'Only in this tab' }));
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(account.calls).toEqual([`sign in from /messages/${group}`, `sign in from /messages/${group}, only here`]);
    expect(stack.tokens).toEqual([]);
  });
});

describe('the inbox', () => {
  test('has the newest group first and marks the open one', async () => {
    stack.addConversation('lore', ['lore', 'Hello!', Date.now() - 60_000]);
    renderApp(`/messages/${group}`);
    const links = await within(await list()).findAllByRole('link');
    expect(links.map((link) => link.querySelector('.cruddur-name')?.textContent)).toEqual(['Lore Winters', 'Scarlett Ho']);
    expect(links.map((link) => link.getAttribute('aria-current'))).toEqual([null, 'page']);
  });

  test('keeps a group that a response missed', async () => {
    const { path, user } = renderApp('/messages');
    await user.click(await within(await list()).findByRole('link', { name: /Scarlett Ho/ }));
    const requests = stack.tokens.length;
    stack.groups = [];
    stack.append(group, stack.message('scarlett', 'Late', Date.now()));
    await waitFor(() => expect(stack.tokens.length).toBeGreaterThan(requests));
    expect(within(await list()).getByRole('link', { name: /Scarlett Ho/ })).toBeTruthy();
    expect(path()).toBe(`/messages/${group}`);
  });

  test('loads the next page on request', async () => {
    const template = stack.groups[0];
    stack.groups = Array.from({ length: 45 }, (_, index) => ({
      uuid: uuid(5000 + index),
      user_uuid: uuid(6000 + index),
      handle: `person${index}`,
      display_name: `Person ${index}`,
      message: 'text',
      created_at: template?.created_at ?? '',
    }));
    const { user } = renderApp('/messages');
    await user.click(await screen.findByRole('button', { name: 'Show more conversations' }));
    expect(await screen.findByRole('link', { name: /Person 44/ })).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Show more conversations' })).toBeNull();
  });

  test('explains what to do if it is empty', async () => {
    stack.groups = [];
    renderApp('/messages');
    expect(await screen.findByText(/No conversations here/)).toBeTruthy();
  });
});

describe('a conversation', () => {
  test('shows its messages oldest first, and which are own', async () => {
    renderApp(`/messages/${group}`);
    await field();
    await waitFor(() => expect(shownTexts()).toEqual(['Are you there?', 'I am.']));
    expect(within(screen.getByRole('region', { name: 'Messages' })).getByText('You:')).toBeTruthy();
    expect(document.title).toBe('Scarlett Ho · Cruddur Messages');
  });

  test('does not interpret texts as HTML', async () => {
    stack.receive(group, 'scarlett', '<img src=x onerror=alert(1)>\n<b>bold</b>');
    renderApp(`/messages/${group}`);
    expect(await screen.findByText(/<b>bold<\/b>/, { selector: '.cruddur-bubble p' })).toBeTruthy();
    expect(document.querySelector('.cruddur-bubble img, .cruddur-bubble b')).toBeNull();
  });

  test('loads older messages on request', async () => {
    const old = Array.from({ length: 50 }, (_, index): [string, string, number] => ['lore', `${index}`, 1000 + index]);
    const long = stack.addConversation('lore', ...old);
    const { user } = renderApp(`/messages/${long}`);
    await user.click(await screen.findByRole('button', { name: 'Load older messages' }));
    await waitFor(() => expect(shownTexts()).toEqual(old.map(([, text]) => text)));
    expect(screen.getByText(wholeText(/your conversation with Lore Winters begins/))).toBeTruthy();
  });

  test('shows and announces new messages', async () => {
    renderApp(`/messages/${group}`);
    await field();
    stack.receive(group, 'scarlett', 'News!');
    await waitFor(() => expect(shownTexts()).toContain('News!'));
    expect(screen.getByText('Scarlett Ho: News!').closest('[role="status"]')).toBeTruthy();
  });
});

describe('the session', () => {
  test('keeps the draft and the path after it ended, makes no more requests, and can be renewed', async () => {
    const { user, account, path } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'half a');
    stack.failure = { status: 401 };
    await user.click(await screen.findByRole('button', { name: 'Sign in again' }));
    expect(account.calls).toEqual(['renew', `sign in from /messages/${group}`]);
    expect([path(), shownTexts()]).toEqual([`/messages/${group}`, ['Are you there?', 'I am.']]);
    expect(await field()).toHaveProperty('value', 'half a');
    const requests = stack.tokens.length + stack.eventTokens.length;
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(stack.tokens.length + stack.eventTokens.length).toBe(requests);
  });

  test('asks for confirmation before a sign-out with unsent messages', async () => {
    stack.sendResponses = [{ status: 422, body: ['message_blank'] }];
    const { user } = renderApp(`/messages/${group}`);
    await user.type(await field(), 'Hello{Enter}');
    await screen.findByText(/^Not sent\./);
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(screen.getByText(/One message has not been sent yet/)).toBeTruthy();
    expect(within(await list()).getByText('Hello')).toBeTruthy();
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Stay' }));
    await user.keyboard('{Escape}');
    expect(screen.queryByRole('alertdialog')).toBeNull();
    expect(shownTexts()).toContain('Hello');
  });

  test('of a person who is not provisioned asks for confirmation too', async () => {
    stack.failure = { status: 403, body: ['user_not_provisioned'] };
    const entry = newEntry('key', { kind: 'group', uuid: group }, 'Hello', Date.now());
    const failed = { ...entry, state: { name: 'failed', reason: 'No.' } };
    const key = 'cruddur.outbox.sub-of-sunyoung.key';
    localStorage.setItem(key, JSON.stringify(failed));
    const { user, account } = renderApp('/messages');
    await screen.findByRole('heading', { name: 'Your account is not set up yet' });
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    await user.click(screen.getByRole('button', { name: 'Sign out and delete' }));
    expect([account.state().person, localStorage.getItem(key)]).toEqual([null, null]);
  });

  test('of a person who is not provisioned shows an explanation until they are', async () => {
    stack.failure = { status: 403, body: ['user_not_provisioned'] };
    const { user } = renderApp('/messages');
    expect(await screen.findByRole('heading', { name: 'Your account is not set up yet' })).toBeTruthy();
    stack.failure = null;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await list()).toBeTruthy();
  });
});

describe('the connection', () => {
  test('shows a banner while the browser is offline', async () => {
    renderApp('/messages');
    await list();
    vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false);
    act(() => void window.dispatchEvent(new Event('offline')));
    expect(screen.getByText(/You are offline/)).toBeTruthy();
  });

  test('repeats failed requests as soon as there is a token again', async () => {
    const account = new FakeAccount();
    account.renewal = 'unreachable';
    stack.failure = { status: 401 };
    renderApp(`/messages/${group}`, account);
    await waitFor(() => expect(screen.getAllByText("The server can't be reached.")).toHaveLength(2));
    act(() => account.setState({ ...account.state(), troubled: true }));
    stack.failure = null;
    act(() => account.setState({ ...account.state(), troubled: false }));
    // The next attempt would come after six seconds.
    expect(await screen.findByText('I am.', { selector: '.cruddur-bubble p' }, { timeout: 2000 })).toBeTruthy();
  });

  test('shows an error in place of the inbox and the conversation if the first requests fail', async () => {
    stack.failure = { status: 503, body: ['unavailable'] };
    renderApp(`/messages/${group}`);
    await waitFor(() => expect(screen.getAllByText('The server is not available at the moment.')).toHaveLength(2));
  });

  test.each([503, 404])('an unsent message can be deleted if the conversation fails to load with %d', async (status) => {
    stack.failure = { status };
    const id = '00000000-0000-4000-8000-000000000001';
    const entry = newEntry(id, { kind: 'group', uuid: group }, 'Written in a tunnel', Date.now());
    localStorage.setItem(`cruddur.outbox.sub-of-sunyoung.${id}`, JSON.stringify(entry));
    const { user } = renderApp(`/messages/${group}`);
    const item = await screen.findByText('Written in a tunnel', { selector: '.cruddur-bubble p' });
    if (status === 503) {
      // It is sent again by itself, so that it has no buttons.
      await user.pointer({ keys: '[MouseRight]', target: item });
      await user.click(await screen.findByRole('menuitem', { name: 'Delete' }));
    } else {
      await user.click(await within(item.closest('li') ?? item).findByRole('button', { name: 'Delete' }));
    }
    await waitFor(() => expect(screen.queryByText('Written in a tunnel')).toBeNull());
  });

  test('shows new messages of a server without a log', async () => {
    stack.events = null;
    renderApp(`/messages/${group}`);
    await field();
    stack.receive(group, 'scarlett', 'News!');
    await waitFor(() => expect(shownTexts()).toContain('News!'));
    await waitFor(async () => expect((await list()).textContent).toContain('News!'));
  });

  test('is not used on a hidden page, and at once when the page is visible again', async () => {
    const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    renderApp('/messages');
    await within(await list()).findByRole('link', { name: /Scarlett Ho/ });
    await waitFor(() => expect(stack.eventTokens).toHaveLength(1));
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(stack.eventTokens).toHaveLength(1);
    visibility.mockReturnValue('visible');
    act(() => void document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
    await waitFor(() => expect(stack.eventTokens).toHaveLength(2));
  });
});

const back = () => screen.findByRole('link', { name: 'Back to the conversations' });

describe('Back', () => {
  test('returns to the list in the history, however many conversations were opened', async () => {
    stack.addConversation('lore', ['lore', 'Hello!', Date.now()]);
    const { user, path } = renderApp('/messages');
    const before = window.history.length;
    await user.click(await within(await list()).findByRole('link', { name: /Scarlett Ho/ }));
    await field();
    await user.click(within(await list()).getByRole('link', { name: /Lore Winters/ }));
    await field('Lore Winters');
    await user.click(await back());
    await waitFor(() => expect(path()).toBe('/messages'));
    // The entries after the list are gone with the next one.
    await user.click(within(await list()).getByRole('link', { name: /Scarlett Ho/ }));
    expect(window.history.length).toBe(before + 1);
  });

  test('replaces a conversation that was opened by its address', async () => {
    const { user, path } = renderApp(`/messages/${group}`);
    await field();
    const before = window.history.length;
    await user.click(await back());
    expect([path(), window.history.length]).toEqual(['/messages', before]);
  });
});

describe('the keyboard', () => {
  test('opens the search, the next conversation, and the list of shortcuts', async () => {
    const other = stack.addConversation('lore', ['lore', 'Hello!', Date.now()]);
    const { user, path } = renderApp(`/messages/${other}`);
    const composer = await field('Lore Winters');
    const search = screen.getByRole('combobox', { name: 'Search conversations and people' });
    await waitFor(async () => {
      await user.keyboard('{Control>}k{/Control}');
      expect(document.activeElement).toBe(search);
    });
    composer.focus();
    await user.keyboard('?');
    expect(composer).toHaveProperty('value', '?');
    await user.keyboard('{Backspace}{Alt>}{ArrowDown}{/Alt}');
    expect(path()).toBe(`/messages/${group}`);
    await field();
    await user.keyboard('{Alt>}{ArrowUp}{ArrowUp}{/Alt}');
    expect(path()).toBe(`/messages/${other}`);
    expect(screen.queryByRole('textbox', { name: 'Edit the message' })).toBeNull();

    (await field('Lore Winters')).blur();
    await user.keyboard('?');
    expect(await screen.findByRole('dialog', { name: 'Keyboard shortcuts' })).toBeTruthy();
    await user.keyboard('{Alt>}{ArrowDown}{/Alt}');
    expect(path()).toBe(`/messages/${other}`);
  });

  test('lists its shortcuts by a button in the settings, where the key for it is turned off for this browser', async () => {
    const first = renderApp('/messages');
    await waitFor(() => expect(usesQuestionMark()).toBe(true));
    const longer = await openedDialog('Keyboard shortcuts');
    expect(within(longer).getByText('?')).toBeTruthy();
    act(() => longer.close());

    await first.user.click(screen.getByRole('button', { name: 'Settings' }));
    const settings = await openedDialog('Settings');
    await first.user.click(within(settings).getByRole('switch', { name: 'The ? key shows the keyboard shortcuts' }));
    await first.user.click(within(settings).getByRole('button', { name: 'Show Keyboard shortcuts' }));
    const shorter = await openedDialog('Keyboard shortcuts');
    expect(within(shorter).queryByText('?')).toBeNull();
    act(() => shorter.close());
    expect(settings.open).toBe(true);
    act(() => settings.close());
    expect(usesQuestionMark()).toBe(false);
    first.unmount();

    const { user } = renderApp('/messages');
    const search = await screen.findByRole('combobox', { name: 'Search conversations and people' });
    await waitFor(async () => {
      await user.keyboard('{Control>}k{/Control}');
      expect(document.activeElement).toBe(search);
    });
    expect(usesQuestionMark()).toBe(false);
  });
});

/** Whether the page handles the key. */
const usesQuestionMark = () => !fireEvent.keyDown(document.body, { key: '?' });

const openedDialog = (name: string) => screen.findByRole<HTMLDialogElement>('dialog', { name });

const storedText = (name: string) => localStorage.getItem(`cruddur.lists.sub-of-sunyoung.${name}`) ?? '';

/** Opens the conversation, and closes the page when its lists are stored. */
async function openOnce() {
  const { unmount } = renderApp(`/messages/${group}`);
  await field();
  await waitFor(() => expect([storedText('inbox'), storedText(group)].every((text) => text.includes('I am.'))).toBe(true));
  unmount();
}

describe('what an earlier page has stored', () => {

  test('is shown at once, is corrected by the API, and takes no part in what is new', async () => {
    await openOnce();
    const [first] = stack.threads.get(group) ?? [];
    Object.assign(first ?? {}, { message: '', deleted_at: new Date().toISOString(), version: 2 });
    stack.receive(group, 'scarlett', 'Good.');
    stack.failure = { status: 503 };
    renderApp(`/messages/${group}`);
    await field();
    expect(shownTexts()).toEqual(['Are you there?', 'I am.']);
    expect(within(await list()).getByText(/I am\./)).toBeTruthy();
    stack.failure = null;
    await waitFor(() => expect(shownTexts().at(-1)).toBe('Good.'), { timeout: 10_000 });
    expect(shownTexts()).not.toContain('Are you there?');
    expect(await screen.findByRole('heading', { name: 'New messages' })).toBeTruthy();
    expect(screen.queryByText('Scarlett Ho: Good.')).toBeNull();
    await waitFor(() => expect(storedText(group)).toContain('Good.'));
    expect(storedText(group)).not.toContain('Are you there?');
  });

  test('is removed at sign-out, at the end of the session, and when another person signs in', async () => {
    await openOnce();
    const account = new FakeAccount();
    const page = renderApp('/messages', account);
    await list();
    await page.user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(Object.keys(localStorage).filter((key) => key.startsWith('cruddur.lists.'))).toEqual([]);
    page.unmount();

    await openOnce();
    account.setState({ person: { id: 'sub-of-sunyoung', handle: 'sunyoung', name: 'Sunyoung Lee' }, lapsed: true, problem: null });
    const ended = renderApp('/messages', account);
    await waitFor(() => expect(storedText(group)).toBe(''));
    ended.unmount();

    localStorage.setItem('cruddur.lists.another.inbox', '{}');
    await openOnce();
    expect(localStorage.getItem('cruddur.lists.another.inbox')).toBeNull();
  }, 60_000);

  test('is not kept for a session of one tab', async () => {
    const account = Object.assign(new FakeAccount(), { isOnlyHere: true });
    renderApp(`/messages/${group}`, account);
    await field();
    await waitFor(() => expect(stack.eventTokens.length).toBeGreaterThan(0));
    expect(Object.keys(localStorage).filter((key) => key.startsWith('cruddur.lists.'))).toEqual([]);
  });
});
