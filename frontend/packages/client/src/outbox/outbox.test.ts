import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import type { NewMessage, SentMessage } from '../api/types.ts';
import { instant, uuid } from '../../../../app/src/testing/fake-stack.ts';
import { type Entry, type Target, KEY_LIFETIME, newEntry } from './entry.ts';
import { Outbox } from './outbox.ts';
import { OTHER_VERSION } from './entry-store.ts';
import { browserStore } from '../storage/safe-storage.ts';

const GROUP: Target = { kind: 'group', uuid: uuid(1) };
const NOW = 1_000_000_000;
const OTHER: Target = { kind: 'group', uuid: uuid(2) };
const LORE: Target = { kind: 'user', uuid: uuid(102), handle: 'lore', name: 'Lore Winters' };

interface Call {
  message: NewMessage;
  key: string;
  answer: (message?: Partial<SentMessage>) => Promise<void>;
  fail: (error: unknown) => Promise<void>;
}

let calls: Call[] = [];
let open: Outbox[];

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  calls = [];
  open = [];
});

afterEach(() => {
  for (const outbox of open) {
    outbox.stop();
  }
  vi.useRealTimers();
});

/** Creates the outbox of a loaded page. */
function load(user = 'me'): Outbox {
  const outbox = new Outbox({ store: browserStore(), user, random: () => 1, send });
  open.push(outbox);
  outbox.start();
  return outbox;
}

/** Unloads the page. Requests in progress get no response. */
function unload(outbox: Outbox): void {
  outbox.stop();
  calls = [];
}

function send(message: NewMessage, key: string): Promise<SentMessage> {
  return new Promise((resolve, reject) => {
    calls.push({
      message,
      key,
      answer: async (sent = {}) => {
        resolve(stored(message, sent));
        await vi.advanceTimersByTimeAsync(0);
      },
      fail: async (error) => {
        reject(error instanceof Error ? error : new Error('unknown'));
        await vi.advanceTimersByTimeAsync(0);
      },
    });
  });
}

function stored(message: NewMessage, sent: Partial<SentMessage>): SentMessage {
  return {
    message_group_uuid: message.message_group_uuid ?? uuid(1),
    uuid: uuid(500 + calls.length),
    user_uuid: uuid(100),
    handle: 'sunyoung',
    display_name: 'Sunyoung Lee',
    message: message.message,
    created_at: instant(Date.now()),
    ...sent,
  };
}

const texts = () => calls.map(({ message }) => message.message);
const states = (outbox: Outbox) => outbox.entries().map(({ text, state }) => `${text}: ${state.name}`);
const call = (index: number): Call => {
  const found = calls[index];
  if (!found) {
    throw new Error(`there are only ${calls.length} calls`);
  }
  return found;
};

describe('the outbox', () => {
  test('sends one message at a time in a conversation, in order', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.add(GROUP, 'two');
    expect(texts()).toEqual(['one']);
    await call(0).answer();
    expect(texts()).toEqual(['one', 'two']);
  });

  test('sends messages of two conversations concurrently', () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.add(OTHER, 'two');
    expect(texts()).toEqual(['one', 'two']);
  });

  test('retries with the same key, while later messages wait', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.add(GROUP, 'two');
    await call(0).fail(new ApiError(503));
    expect(states(outbox)).toEqual(['one: waiting', 'two: waiting']);
    await vi.advanceTimersByTimeAsync(999);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(texts()).toEqual(['one', 'one']);
    expect(call(1).key).toBe(call(0).key);
    await call(1).answer();
    expect(texts()).toEqual(['one', 'one', 'two']);
    expect(call(2).key).not.toBe(call(0).key);
  });

  test('retries at once when there is a network again', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    await call(0).fail(new ApiError(0));
    outbox.retryNow();
    expect(calls).toHaveLength(2);
  });

  test.each([20, -20])('retries in time after a clock that was %d hours off is corrected', async (hours) => {
    vi.setSystemTime(1_000_000_000 + hours * 3_600_000);
    load().add(GROUP, 'one');
    await call(0).fail(new ApiError(503));
    vi.setSystemTime(1_000_000_000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(texts()).toEqual(['one', 'one']);
  });

  test.each([2_147_484, 1e300])('waits five minutes if the server asks for %d seconds', async (retryAfter) => {
    load().add(GROUP, 'one');
    await call(0).fail(new ApiError(503, [], retryAfter));
    await vi.advanceTimersByTimeAsync(299_999);
    expect(calls).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toHaveLength(2);
  });

  test('resends after a reload, with the same key and in order', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.add(GROUP, 'two');
    const { key } = call(0);
    unload(outbox);
    load();
    expect(calls.map((made) => [made.message.message, made.key])).toEqual([['one', key]]);
    await call(0).answer();
    expect(texts()).toEqual(['one', 'two']);
  });

  test('holds a message that is a day old until its author confirms it', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    const { key } = call(0);
    unload(outbox);
    vi.setSystemTime(1_000_000 + KEY_LIFETIME + 1);
    const later = load();
    expect([calls.length, ...states(later)]).toEqual([0, 'one: held']);
    later.retry(key);
    expect(calls.map((made) => made.key)).toEqual([key]);
  });

  test('does not retry a rejected message, and sends the next one', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.add(GROUP, 'two');
    await call(0).fail(new ApiError(422, ['message_blank']));
    expect(states(outbox)).toEqual(['one: failed', 'two: sending']);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(texts()).toEqual(['one', 'two']);
  });

  test('sends a failed message again with the same key when its author asks', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    await call(0).fail(new ApiError(404));
    outbox.retry(call(0).key);
    expect(call(1).key).toBe(call(0).key);
  });

  test('deletes a message, one that is being sent after its request, unless that stores it', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    outbox.discard(call(0).key);
    expect(states(outbox)).toEqual(['one: sending']);
    await call(0).fail(new ApiError(503));
    expect([outbox.entries(), localStorage.length]).toEqual([[], 0]);
    outbox.add(GROUP, 'two');
    await call(1).fail(new ApiError(404));
    outbox.discard(call(1).key);
    expect([outbox.entries(), localStorage.length]).toEqual([[], 0]);
    outbox.add(GROUP, 'three');
    outbox.discard(call(2).key);
    await call(2).answer({ uuid: uuid(7) });
    expect(states(outbox)).toEqual(['three: sent']);
  });

  test('keeps a sent message until the conversation lists it', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    await call(0).answer({ uuid: uuid(7) });
    outbox.removeListed(new Set([uuid(8)]));
    expect(states(outbox)).toEqual(['one: sent']);
    outbox.removeListed(new Set([uuid(7)]));
    expect([outbox.entries(), localStorage.length]).toEqual([[], 0]);
  });

  test('sends messages to a group after those to its person, and each once', async () => {
    const outbox = load();
    outbox.add(LORE, 'one');
    outbox.assignGroup(uuid(102), uuid(9));
    outbox.add({ kind: 'group', uuid: uuid(9) }, 'two');
    expect(texts()).toEqual(['one']);
    await call(0).answer({ message_group_uuid: uuid(9) });
    expect(texts()).toEqual(['one', 'two']);
  });

  test('sends the waiting messages to a person to their group', async () => {
    const outbox = load();
    outbox.add(LORE, 'one');
    outbox.add(LORE, 'two');
    await call(0).answer({ message_group_uuid: uuid(9) });
    expect(outbox.entries().map(({ group }) => group)).toEqual([uuid(9), uuid(9)]);
    expect(call(1).message).toEqual({ message: 'two', message_group_uuid: uuid(9) });
  });

  test('pauses while the session has ended, and resumes with the same key', async () => {
    const outbox = load();
    outbox.add(GROUP, 'one');
    await call(0).fail(new ApiError(401));
    outbox.add(GROUP, 'two');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(calls).toHaveLength(1);
    outbox.pause(false);
    expect(calls.map(({ key }) => key)).toEqual([call(0).key, call(0).key]);
  });

  test('does not have the messages of another person', () => {
    load('me').add(GROUP, 'mine');
    expect(load('you').entries()).toEqual([]);
  });

  test('keeps the order of messages written in the same millisecond', () => {
    const outbox = load();
    for (const text of 'abcdefgh') {
      outbox.add(GROUP, text);
    }
    expect(outbox.entries().map(({ text }) => text).join('')).toBe('abcdefgh');
  });

  test('ignores entries that are malformed', () => {
    localStorage.setItem('cruddur.outbox.me.x', '{"id": "x", "text": 7}');
    localStorage.setItem('cruddur.outbox.me.y', 'not JSON');
    localStorage.setItem('cruddur.outbox.me.z', JSON.stringify({ ...newEntry('other', GROUP, 'text', 1) }));
    expect(load().entries()).toEqual([]);
  });

  test.each<[string, object, Partial<Entry>]>([
    ['a time out of range', { created: 1e300 }, { created: NOW, state: { name: 'failed', reason: { kind: 'client' } } }],
    ['a missing time', { created: null }, { created: NOW }],
    ['an unknown age', { vouched: 'today', state: { name: 'sending' } }, { state: { name: 'held' } }],
    ['an unknown number of attempts', { attempts: null }, { attempts: 1 }],
    ['an unknown group', { group: 7 }, { group: uuid(1) }],
    ['a missing end of the pause', { state: { name: 'waiting', notBefore: null, problem: 7 } }, {
      state: { name: 'waiting', notBefore: NOW, problem: null },
    }],
    ['a state of another version', { state: { name: 'scheduled' } }, { state: OTHER_VERSION }],
    ['a sent message without a time', { state: { name: 'sent', message: { uuid: uuid(7) } } }, { state: OTHER_VERSION }],
    [
      'a sent message with a malformed time',
      { state: { name: 'sent', message: stored({ message: 'text' }, { created_at: 'today' }) } },
      { state: OTHER_VERSION },
    ],
  ])('keeps the text of an entry with %s', (_, change, expected) => {
    vi.setSystemTime(NOW);
    const entry = { ...newEntry('x', GROUP, 'text', NOW), state: { name: 'failed', reason: { kind: 'client' } }, ...change };
    localStorage.setItem('cruddur.outbox.me.x', JSON.stringify(entry));
    const outbox = new Outbox({ store: browserStore(), user: 'me', send });
    expect(outbox.entries()).toMatchObject([{ id: 'x', text: 'text', ...expected }]);
  });

  test('leaves nothing on the device after a sign-out, not even a message that is being sent', async () => {
    const outbox = load();
    localStorage.setItem('cruddur.outbox.me.y', 'not JSON');
    outbox.add(GROUP, 'one');
    outbox.clear();
    await call(0).answer();
    expect([outbox.entries(), localStorage.length]).toEqual([[], 0]);
  });
});

/** Dispatches the event that the browser sends after another window changed an entry. */
function notifyStorage(id: string): void {
  const key = `cruddur.outbox.me.${id}`;
  window.dispatchEvent(new StorageEvent('storage', { key, newValue: localStorage.getItem(key) }));
}

describe('another window of the same person', () => {
  test('sends its own messages, and this one takes over after a while', async () => {
    const here = load();
    const there = new Outbox({ store: browserStore(), user: 'me', send });
    there.add(GROUP, 'from there');
    const id = there.entries()[0]?.id ?? '';
    notifyStorage(id);
    expect([states(here), calls.length]).toEqual([['from there: waiting'], 0]);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(calls.map(({ key }) => key)).toEqual([id]);
  });

  test('can send a message that fails here', async () => {
    const here = load();
    here.add(GROUP, 'one');
    const [entry] = here.entries();
    const message = stored({ message: 'one' }, {});
    const sent = { ...entry, state: { name: 'sent', message } };
    localStorage.setItem(`cruddur.outbox.me.${entry?.id}`, JSON.stringify(sent));
    notifyStorage(entry?.id ?? '');
    await call(0).fail(new ApiError(422, ['message_blank']));
    expect(states(here)).toEqual(['one: sent']);
  });

  test('can sign out while a message is being sent here', async () => {
    const here = load();
    here.add(GROUP, 'one');
    const id = here.entries()[0]?.id ?? '';
    localStorage.clear();
    notifyStorage(id);
    await call(0).answer();
    expect([here.entries(), localStorage.length]).toEqual([[], 0]);
  });

  test('with another version of the page removes nothing', () => {
    const here = load();
    here.add(GROUP, 'one');
    const id = here.entries()[0]?.id ?? '';
    localStorage.setItem(`cruddur.outbox.me.${id}`, '{"version": 2}');
    notifyStorage(id);
    expect(states(here)).toEqual(['one: sending']);
  });

  test('can delete a message that is shown here', () => {
    const here = load();
    const there = new Outbox({ store: browserStore(), user: 'me', send });
    there.add(GROUP, 'from there');
    const id = there.entries()[0]?.id ?? '';
    notifyStorage(id);
    there.discard(id);
    notifyStorage(id);
    expect(here.entries()).toEqual([]);
  });
});
