import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/api-error.ts';
import type { LogEvent, Page } from '../api/types.ts';
import { Connectivity } from '../sync/connectivity.ts';
import { EventStream } from './event-stream.ts';
import { TIMING } from './timing.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** A socket whose other side is the test. */
class FakeSocket extends EventTarget {
  static readonly all: FakeSocket[] = [];
  /** Whether sockets open and answer pings. */
  static opens = true;
  static answers = true;
  readonly openedAt = Date.now();
  readonly sent: number[] = [];
  closedAt: number | null = null;

  constructor() {
    super();
    FakeSocket.all.push(this);
    setTimeout(() => this.dispatchEvent(new Event(FakeSocket.opens ? 'open' : 'close')), 50);
  }

  send(): void {
    this.sent.push(Date.now());
    if (FakeSocket.answers) {
      setTimeout(() => this.receive({ type: 'pong' }), 50);
    }
  }

  close(): void {
    this.closedAt ??= Date.now();
  }

  receive(message: object): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(message) }));
  }
}

let connectivity: Connectivity;
let stream: EventStream;
/** The times of the requests for events. */
let requests: number[];
let respond: () => Promise<Page<LogEvent>>;
let isConversationOpen: boolean;
let token: string;
let renewals: number;

/** An access token. The times are in milliseconds. */
function tokenOf(issuedAt: number, life: number): string {
  const claims = { iat: issuedAt / 1000, exp: (issuedAt + life) / 1000 };
  return `e30.${btoa(JSON.stringify(claims))}.signature`;
}

function start(withSocket: boolean, random = 0.5): void {
  const credentials = {
    token: () => token,
    renew: () => {
      renewals += 1;
      token = tokenOf(Date.now(), HOUR);
      return Promise.resolve('renewed' as const);
    },
  };
  const socket = {
    url: 'wss://api.example',
    WebSocket: FakeSocket,
    device: 'device',
    credentials,
    isConversationOpen: () => isConversationOpen,
    tabs: null,
    name: '',
  };
  stream = new EventStream({
    connectivity,
    list: () => {
      requests.push(Date.now());
      return respond();
    },
    cursor: null,
    socket: withSocket ? socket : null,
    timing: TIMING,
    random: () => random,
    onBatch: () => undefined,
    onReset: () => undefined,
    onMoved: () => undefined,
  });
  stream.start();
}

/** The events of a page: one for each number. */
function pageOf(...numbers: number[]): Page<LogEvent> {
  const rows = numbers.map((number) => ({ number, cursor: cursorOf(number), type: 'message', message_group_uuid: 'g', at: '' }));
  return { rows, next: cursorOf(numbers.at(-1) ?? 7) };
}

/** Responds to the next request, and with the end of the log to those after it. */
function respondOnce(page: Page<LogEvent>): void {
  respond = () => {
    respond = () => Promise.resolve(pageOf());
    return Promise.resolve(page);
  };
}

const cursorOf = (number: number) => btoa(`${number}-0`);
const frame = (number: number) => ({ type: 'events', number, cursor: cursorOf(number), events: pageOf(number).rows });

/** The pauses between times. */
const pauses = (times: readonly number[]) => times.slice(1).map((time, index) => time - (times[index] ?? 0));

beforeEach(() => {
  vi.useFakeTimers({ now: 1_764_000_000_000 });
  connectivity = new Connectivity();
  requests = [];
  respond = () => Promise.resolve(pageOf());
  isConversationOpen = true;
  token = tokenOf(Date.now(), HOUR);
  renewals = 0;
  FakeSocket.all.length = 0;
  FakeSocket.opens = true;
  FakeSocket.answers = true;
});

afterEach(() => {
  stream.stop();
  vi.useRealTimers();
});

describe('an idle page', () => {
  test('makes a request every two minutes, and one for each new connection', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(8 * HOUR);
    expect(FakeSocket.all).toHaveLength(9);
    expect(requests.length).toBeLessThanOrEqual(8 * 30 + 9);
    // A new connection starts the two minutes again.
    expect(pauses(requests).filter((pause) => pause < 2 * MINUTE)).toHaveLength(8);
  });

  test('that is hidden makes a request for nothing but the end of the log', async () => {
    connectivity.setVisible(false);
    start(true);
    await vi.advanceTimersByTimeAsync(HOUR / 2);
    expect(requests).toHaveLength(1);
    connectivity.setVisible(true);
    await vi.advanceTimersByTimeAsync(0);
    expect(requests).toHaveLength(2);
  });

  test('sends a ping every two minutes, and every minute while a conversation is open', async () => {
    isConversationOpen = false;
    start(true);
    await vi.advanceTimersByTimeAsync(21 * MINUTE);
    isConversationOpen = true;
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    // Each answer starts the interval again.
    const intervals = pauses(FakeSocket.all[0]?.sent ?? []).map((pause) => pause - 50);
    expect([intervals.slice(0, 9), intervals.slice(10, 18)]).toEqual([
      Array.from({ length: 9 }, () => 2 * MINUTE),
      Array.from({ length: 8 }, () => MINUTE),
    ]);
  });

  test('makes no request after it was stopped', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(MINUTE);
    stream.stop();
    const before = requests.length;
    await vi.advanceTimersByTimeAsync(HOUR);
    expect([requests.length, FakeSocket.all.map(({ closedAt }) => closedAt !== null)]).toEqual([before, [true]]);
  });
});

describe('a connection', () => {
  test('is opened a minute before the end of the token of the one before it, with a new token', async () => {
    start(true);
    const began = Date.now();
    await vi.advanceTimersByTimeAsync(59 * MINUTE + 1000);
    const [first, second] = FakeSocket.all;
    expect([second && second.openedAt - began, first && first.closedAt, renewals]).toEqual([59 * MINUTE, null, 1]);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(first?.closedAt).not.toBeNull();
    expect(second?.closedAt).toBeNull();
  });

  test('lives for an hour and 55 minutes at most', async () => {
    token = tokenOf(Date.now(), 24 * HOUR);
    start(true);
    const began = Date.now();
    await vi.advanceTimersByTimeAsync(2 * HOUR);
    expect(FakeSocket.all.map(({ openedAt }) => openedAt - began)).toEqual([0, 114 * MINUTE + 50]);
    expect(renewals).toBe(0);
  });

  test('without an answer to a ping for ten seconds is replaced', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    FakeSocket.answers = false;
    await vi.advanceTimersByTimeAsync(MINUTE + 9000);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect([FakeSocket.all.length, FakeSocket.all[0]?.closedAt !== null]).toEqual([2, true]);
  });

  test('is checked at once when the page is visible again', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    connectivity.setVisible(false);
    connectivity.setVisible(true);
    expect(FakeSocket.all[0]?.sent).toEqual([Date.now()]);
  });

  test('that is refused is tried again after at most a second, doubling to a minute', async () => {
    FakeSocket.opens = false;
    start(true, 1);
    await vi.advanceTimersByTimeAsync(6 * MINUTE);
    const tries = pauses(FakeSocket.all.map(({ openedAt }) => openedAt)).map((pause) => pause - 50);
    expect(tries.slice(0, 9)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, MINUTE, MINUTE, MINUTE]);
  });

  test('can be tried again at any time up to that', async () => {
    FakeSocket.opens = false;
    start(true, 0.25);
    await vi.advanceTimersByTimeAsync(5000);
    const tries = pauses(FakeSocket.all.map(({ openedAt }) => openedAt)).map((pause) => pause - 50);
    expect(tries.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
  });

  test('is not opened without an answer within ten seconds', async () => {
    vi.spyOn(FakeSocket.prototype, 'dispatchEvent').mockReturnValue(true);
    start(true, 0);
    await vi.advanceTimersByTimeAsync(9999);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(2);
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('with a clock that is ahead renews each token once at most', async () => {
    token = tokenOf(Date.now() - 3 * HOUR, HOUR);
    FakeSocket.opens = false;
    start(true);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(renewals).toBe(1);
  });
});

describe('an event that the socket does not bring', () => {
  test('is found after two minutes, and the connection is replaced five seconds later', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    respondOnce(pageOf(8));
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    expect(FakeSocket.all).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(6000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('is found two seconds after a send, and the connection is replaced, while more is sent', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    let number = 7;
    respond = () => {
      number += 1;
      return Promise.resolve(pageOf(number));
    };
    for (let sent = 0; sent < 80; sent += 1) {
      stream.expect(`message ${sent}`);
      // oxlint-disable-next-line no-await-in-loop
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(FakeSocket.all).toHaveLength(2);
  });

  test('is no reason to replace the connection if it comes within five seconds', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    respondOnce(pageOf(8));
    await vi.advanceTimersByTimeAsync(2 * MINUTE);
    FakeSocket.all[0]?.receive(frame(8));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(FakeSocket.all).toHaveLength(1);
  });

  test('is requested when a later one came half a second ago', async () => {
    start(true);
    await vi.advanceTimersByTimeAsync(1000);
    const before = requests.length;
    FakeSocket.all[0]?.receive(frame(9));
    await vi.advanceTimersByTimeAsync(499);
    expect(requests).toHaveLength(before);
    respond = () => Promise.resolve(pageOf(8, 9));
    await vi.advanceTimersByTimeAsync(1);
    expect(requests).toHaveLength(before + 1);
  });
});

describe('without a socket', () => {
  test('the log is read every three seconds, and less often up to 30 s when nothing happens', async () => {
    start(false);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    expect([...new Set(pauses(requests))]).toEqual([3000, 6000, 12_000, 24_000, 30_000]);
    const before = requests.length;
    respondOnce(pageOf(8));
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(pauses(requests.slice(before)).slice(0, 6)).toEqual([3000, 3000, 3000, 3000, 6000, 6000]);
  });

  test('a hidden page reads it every minute, and after five minutes no more until it is visible', async () => {
    start(false);
    await vi.advanceTimersByTimeAsync(1000);
    connectivity.setVisible(false);
    const before = requests.length;
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(requests.length - before).toBeLessThanOrEqual(5);
    const hidden = requests.length;
    connectivity.setVisible(true);
    expect(requests).toHaveLength(hidden + 1);
  });

  test('a message that was just sent is read two seconds later', async () => {
    start(false);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    const before = requests.length;
    stream.expect('message');
    await vi.advanceTimersByTimeAsync(2000);
    expect(requests).toHaveLength(before + 1);
  });

  test('it is read less often after failures, and not at all while the session has ended', async () => {
    respond = () => Promise.reject(new ApiError(503));
    start(false);
    await vi.advanceTimersByTimeAsync(MINUTE);
    expect(pauses(requests)).toEqual([4500, 9000, 18_000]);
    expect(connectivity.isTroubled()).toBe(true);
    connectivity.setPaused(true);
    const before = requests.length;
    await vi.advanceTimersByTimeAsync(HOUR);
    expect(requests).toHaveLength(before);
  });
});
