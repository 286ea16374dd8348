import { screen, waitFor, within } from '@testing-library/react';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeStack, instant } from './testing/fake-stack.ts';
import { field, list, shownTexts } from './testing/page.ts';
import { renderApp } from './testing/render-app.tsx';

const HOUR = 3_600_000;
// A change on another device takes a reading of the log and a request.
const ELSEWHERE = { timeout: 8000 };
const REFUSED = { status: 403, body: ['user_not_provisioned'] };

let stack: FakeStack;
let group: string;
let other: string;

beforeEach(() => {
  const now = Date.now();
  stack = new FakeStack();
  group = stack.addConversation('scarlett', ['sunyoung', 'Hello', now - 2 * HOUR], ['scarlett', 'Hello!', now - HOUR]);
  other = stack.addConversation('lore', ['lore', 'Hi', now - 3 * HOUR]);
});

type User = ReturnType<typeof renderApp>['user'];
const row = async (name = 'Scarlett Ho') => within(await list()).queryByRole('link', { name: new RegExp(name) });
const settingsOf = (uuid: string) =>
  stack.changes.filter(({ request }) => request === `PATCH /api/message_groups/${uuid}`).map(({ body }) => body);

async function choose(user: User, name: string | RegExp) {
  await user.click(await screen.findByRole('button', { name: 'Menu of this conversation' }));
  await user.click(await screen.findByRole('menuitem', { name }));
}

async function clear(user: User) {
  await choose(user, 'Clear conversation…');
  const question = within(await screen.findByRole('dialog', { name: 'Clear this conversation?' }));
  expect(document.activeElement).toBe(question.getByRole('button', { name: 'Cancel' }));
  await user.click(question.getByRole('button', { name: 'Clear' }));
}

describe('a muted conversation', () => {
  test('is marked in the inbox and in its heading, and does not count in the title, until it is unmuted', async () => {
    stack.receive(group, 'scarlett', 'Are you there?');
    const { user } = renderApp(`/messages/${other}`);
    await field('Lore Winters');
    await waitFor(() => expect(document.title).toBe('(1) Lore Winters · Cruddur Messages'));
    stack.changeSettings(group, { muted_until: instant(Date.now() + HOUR) });
    await waitFor(async () => expect(within((await row()) ?? document.body).getByText('Muted')).toBeTruthy());
    expect((await row())?.className).toContain('cruddur-muted');
    expect(within((await row()) ?? document.body).getByText('2 unread messages')).toBeTruthy();
    expect(document.title).toBe('Lore Winters · Cruddur Messages');

    await choose(user, 'Mute…');
    const before = Date.now();
    await user.click(await screen.findByRole('menuitem', { name: 'For 8 hours' }));
    const heading = screen.getByRole('heading', { name: /Lore Winters/ }).closest('header') ?? document.body;
    expect(within(heading).getByText('Muted')).toBeTruthy();
    await waitFor(() => expect(settingsOf(other)).toHaveLength(1));
    const { muted_until: until } = settingsOf(other)[0] as { muted_until: string };
    expect(until).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(Date.parse(until) - before).toBeGreaterThanOrEqual(8 * HOUR - 1);
    stack.changeFailure = REFUSED;
    await choose(user, 'Unmute');
    expect(await screen.findByText('Not unmuted. Your account is not set up for messages yet.')).toBeTruthy();
    expect(within(heading).getByText('Muted')).toBeTruthy();
    stack.changeFailure = null;
    await choose(user, 'Unmute');
    await waitFor(() => expect(settingsOf(other).at(-1)).toEqual({ muted_until: null }));
    expect(within(heading).queryByText('Muted')).toBeNull();
  });

  test('announces no message and shows no notification', async () => {
    const shown: string[] = [];
    const FakeNotification = Object.assign(
      class extends EventTarget {
        constructor(title: string) {
          super();
          shown.push(title);
        }

        close(): void {
          // Nothing is shown.
        }
      },
      { permission: 'granted' },
    );
    vi.stubGlobal('Notification', FakeNotification);
    vi.spyOn(document, 'hasFocus').mockReturnValue(false);
    localStorage.setItem('cruddur.notifications.sub-of-sunyoung', 'on');
    stack.changeSettings(group, { muted_until: '9999-12-31T23:59:59.999999Z' });
    renderApp(`/messages/${group}`);
    await field();
    await waitFor(() => expect(stack.shown).toContain(group));
    stack.receive(group, 'scarlett', 'Are you there?');
    await waitFor(() => expect(shownTexts()).toContain('Are you there?'));
    stack.receive(other, 'lore', 'And you?');
    await waitFor(() => expect(shown).toEqual(['Lore Winters']));
    expect(screen.queryByText('Scarlett Ho: Are you there?')).toBeNull();
    vi.unstubAllGlobals();
  });

  test('shows notifications by the service worker if there is one, which opens the conversation of a chosen one', async () => {
    const notifications: { title: string; tag: string; close: () => void }[] = [];
    const registration = {
      active: {},
      showNotification: async (title: string, { tag = '' }: NotificationOptions) => {
        notifications.push({ title, tag, close: () => notifications.splice(0) });
      },
      getNotifications: async () => [...notifications],
    };
    const workers = Object.assign(new EventTarget(), { getRegistration: async () => registration });
    Object.defineProperty(navigator, 'serviceWorker', { value: workers, configurable: true });
    vi.spyOn(document, 'hasFocus').mockReturnValue(false);
    localStorage.setItem('cruddur.notifications.sub-of-sunyoung', 'on');
    const { path, unmount } = renderApp('/messages');
    await waitFor(() => expect(stack.eventTokens.length).toBeGreaterThan(0));
    stack.receive(other, 'lore', 'And you?');
    await waitFor(() => expect(notifications).toMatchObject([{ title: 'Lore Winters', tag: other }]), ELSEWHERE);
    workers.dispatchEvent(new MessageEvent('message', { data: other }));
    await field('Lore Winters');
    expect(path()).toBe(`/messages/${other}`);
    unmount();
    await waitFor(() => expect(notifications).toEqual([]));
    Reflect.deleteProperty(navigator, 'serviceWorker');
  });

  test('counts again at the end of its mute', async () => {
    stack.changeSettings(group, { muted_until: instant(Date.now() - 1000) });
    renderApp('/messages');
    await waitFor(() => expect(document.title).toBe('(2) Cruddur Messages'));
    expect(within((await row()) ?? document.body).queryByText('Muted')).toBeNull();
  });
});

describe('a hidden conversation', () => {
  test('leaves the inbox at once, and returns with its next message', async () => {
    const { user, path } = renderApp(`/messages/${group}`);
    await field();
    stack.delayMillis = 200;
    await choose(user, /^Hide conversation/);
    expect(await row()).toBeNull();
    expect(path()).toBe('/messages');
    await waitFor(() => expect(settingsOf(group)).toEqual([{ hidden: true }]));
    // Hidden up to the newest message of this moment.
    await waitFor(() => expect(stack.settings.get(group)?.hidden).toBeTruthy());
    stack.receive(other, 'lore', 'News');
    await waitFor(async () => expect(within(await list()).getByText('News')).toBeTruthy(), ELSEWHERE);
    expect(await row()).toBeNull();
    stack.receive(group, 'scarlett', 'Back again');
    await waitFor(async () => expect(within((await row()) ?? document.body).getByText('Back again')).toBeTruthy(), ELSEWHERE);
  });

  test('returns if the request fails, with the reason', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await field();
    stack.changeFailure = REFUSED;
    await choose(user, /^Hide conversation/);
    expect(await screen.findByText('The conversation was not hidden. Your account is not set up for messages yet.')).toBeTruthy();
    expect(await row()).toBeTruthy();
  });

  test('is found by its handle, and stays hidden', async () => {
    stack.changeSettings(group, { hidden: true });
    const { path } = renderApp('/messages/new/scarlett');
    await field();
    await waitFor(() => expect(path()).toBe(`/messages/${group}`));
    await waitFor(() => expect(shownTexts()).toEqual(['Hello', 'Hello!']));
    expect(await row()).toBeNull();
  });

  test('leaves the inbox when another device hides it', async () => {
    renderApp('/messages');
    expect(await row()).toBeTruthy();
    await waitFor(() => expect(stack.eventTokens.length).toBeGreaterThan(0));
    stack.changeSettings(group, { hidden: true });
    await waitFor(async () => expect(await row()).toBeNull(), ELSEWHERE);
    stack.changeSettings(group, { hidden: false });
    await waitFor(async () => expect(await row()).toBeTruthy(), ELSEWHERE);
  });
});

describe('a cleared conversation', () => {
  test('has no messages but those that follow', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await waitFor(() => expect(shownTexts()).toHaveLength(2));
    await clear(user);
    expect(shownTexts()).toEqual([]);
    expect(within((await row()) ?? document.body).getByText('No messages')).toBeTruthy();
    expect(within((await row()) ?? document.body).queryByText(/unread/)).toBeNull();
    await waitFor(() => expect(settingsOf(group)).toEqual([{ cleared: true }]));
    stack.receive(group, 'scarlett', 'Anew');
    await waitFor(() => expect(shownTexts()).toEqual(['Anew']));
    expect(screen.getByText('You have cleared the earlier messages.')).toBeTruthy();
  });

  test('has its messages again if the request fails', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await field();
    await waitFor(() => expect(shownTexts()).toHaveLength(2));
    stack.changeFailure = REFUSED;
    stack.delayMillis = 200;
    await clear(user);
    expect(shownTexts()).toEqual([]);
    expect(await screen.findByText('Not cleared. Your account is not set up for messages yet.')).toBeTruthy();
    expect(shownTexts()).toEqual(['Hello', 'Hello!']);
    expect(within((await row()) ?? document.body).getByText('Hello!')).toBeTruthy();
  });

  test('loses its messages when another device clears it, also while another one is open', async () => {
    const { user } = renderApp(`/messages/${group}`);
    await waitFor(() => expect(shownTexts()).toHaveLength(2));
    await user.click((await row('Lore Winters')) ?? document.body);
    await field('Lore Winters');
    await waitFor(() => expect(stack.eventTokens.length).toBeGreaterThan(0));
    stack.changeSettings(group, { cleared: true });
    stack.changeSettings(other, { cleared: true });
    await waitFor(() => expect(shownTexts()).toEqual([]));
    await waitFor(async () => expect(within((await row()) ?? document.body).getByText('No messages')).toBeTruthy());
    await user.click((await row()) ?? document.body);
    await field();
    expect(shownTexts()).toEqual([]);
  });
});

test('a message is reported with a reason, and its sender can be blocked then', async () => {
  const { user } = renderApp(`/messages/${group}`);
  const bubble = await screen.findByText('Hello!', { selector: '.cruddur-bubble p' });
  await user.click(within(bubble.closest('article') ?? document.body).getByRole('button', { name: 'Message menu' }));
  await user.click(await screen.findByRole('menuitem', { name: 'Report…' }));
  const dialog = within(await screen.findByRole('dialog', { name: 'Report this message' }));
  const send = dialog.getByText('Report');
  expect(send).toHaveProperty('disabled', true);
  await user.click(dialog.getByLabelText('Harassment'));
  stack.changeFailure = { status: 404, body: ['message_not_found'] };
  await user.click(send);
  expect(await dialog.findByText('Not reported. This message does not exist.')).toBeTruthy();
  stack.changeFailure = null;
  await user.click(send);
  expect(await dialog.findByText('Your report was sent.')).toBeTruthy();
  expect(document.activeElement).toBe(dialog.getByText('Close'));
  const message = stack.threads.get(group)?.[1];
  expect(stack.reports).toEqual([
    { message_group_uuid: group, message_uuid: message?.uuid, created_at: message?.created_at, reason: 'harassment' },
  ]);
  await user.click(dialog.getByText('Block'));
  await waitFor(() => expect(stack.blocks.size).toBe(1));
  expect(await row()).toBeNull();
}, 60_000);
