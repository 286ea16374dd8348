import { ApiError } from '../api/api-error.ts';
import type { LogEvent, Page } from '../api/types.ts';
import { type Connectivity, type Requester, retryDelay } from '../sync/connectivity.ts';
import type { WebSocketConstructor } from './connection.ts';
import { EventLog } from './event-log.ts';
import { EventSocket, type EventSocketOptions } from './event-socket.ts';
import { type Batch, parseFrame } from './frames.ts';
import { SharedSocket } from './shared-socket.ts';
import type { Tabs } from './tabs.ts';
import type { Timing } from './timing.ts';

/** Requests without news before the pause between them doubles. */
const QUIET = 5;
/** Events in a row that the socket did not bring before it counts as broken: the log is polled until it brings one. */
const UNDELIVERED = 2;
/** Failed requests in a row after which the lists are loaded at each further one: they may work. */
const FAILURES = 2;
/** Polls of the lists before the API is asked for events again. */
const LISTS_POLLS = 100;

export interface EventStreamOptions {
  connectivity: Connectivity;
  list: (after: string | null) => Promise<Page<LogEvent>>;
  /** The cursor of the last known event; null if there is none. */
  cursor: string | null;
  /** How to open the socket; null without one. */
  socket: SocketOptions | null;
  timing: Timing;
  random: () => number;
  /** Called with each event once, in order. */
  onBatch: (batch: Batch) => void;
  /** Called when everything may have changed; with `isGap` also old rows, because events were passed over. */
  onReset: (isGap: boolean) => void;
  /** Called with each new cursor. */
  onMoved: (cursor: string) => void;
}

export interface SocketOptions extends Pick<EventSocketOptions, 'url' | 'device' | 'credentials' | 'isConversationOpen'> {
  WebSocket: WebSocketConstructor;
  /** Shares the socket with other tabs that have the same `name`; null if it is not shared. */
  tabs: Tabs | null;
  name: string;
}

/**
 * The events of a user, as soon as they happen and each once.
 *
 * The log is the truth: the socket only brings its rows sooner. What the socket misses is read from the API: after it was
 * opened, when the page is visible or online again, after a gap, and every two minutes. Without a socket, the log is polled;
 * at a server without a log, everything may have changed at each poll.
 */
export class EventStream implements Requester {
  readonly #options: EventStreamOptions;
  readonly #log: EventLog;
  readonly #socket: SharedSocket | null;
  #isRunning = false;
  #failures = 0;
  #error: unknown = null;
  #request: Promise<void> | null = null;
  /** Whether to request again after the request in progress, which may be older than the reason for another one. */
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Requests in a row that brought no events. */
  #quiet = 0;
  #hiddenSince: number | null = null;
  /** Polls of the lists since the API had no log; null if it has one. */
  #listsPolls: number | null = null;
  /** Changes when the socket is opened or lost. */
  #round = 0;
  /** Whether the log was read since the socket was opened: from then on, the socket has to bring all events. */
  #isComplete = false;
  /** The number of the newest frame. */
  #seen = Number.NEGATIVE_INFINITY;
  /** How often in a row the socket did not bring an event. */
  #undelivered = 0;
  #check: ReturnType<typeof setTimeout> | undefined;
  /** The messages whose events are about to happen. */
  readonly #expected = new Set<string>();
  #expectation: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    const { list, cursor, timing, onBatch, onReset, onMoved } = options;
    this.#log = new EventLog({
      list,
      cursor,
      onBatch: (batch) => {
        this.#quiet = 0;
        for (const uuid of batch.events.flatMap(({ message_uuids: uuids }) => uuids ?? [])) {
          this.#expected.delete(uuid);
        }
        onBatch(batch);
      },
      onReset: () => onReset(true),
      onMoved,
      onGap: () => void this.catchUp(),
      gap: timing.gap,
    });
    this.#socket = options.socket === null ? null : this.#createSocket(options.socket);
  }

  /** Failed requests in a row. */
  get failures(): number {
    return this.#failures;
  }

  start(): void {
    if (!this.#isRunning) {
      const { connectivity } = this.#options;
      this.#isRunning = true;
      connectivity.add(this);
      this.#socket?.start();
      if (this.#socket === null) {
        void this.catchUp();
      } else {
        // When the socket is opened, the log is read anyway.
        this.#timer = setTimeout(() => void this.catchUp(), this.#options.timing.start);
      }
    }
  }

  stop(): void {
    if (this.#isRunning) {
      this.#isRunning = false;
      this.#failures = 0;
      clearTimeout(this.#timer);
      clearTimeout(this.#check);
      this.#check = undefined;
      clearTimeout(this.#expectation);
      this.#expectation = undefined;
      this.#expected.clear();
      this.#log.stop();
      this.#socket?.stop();
      this.#options.connectivity.remove(this);
    }
  }

  /** Reads what is new in the log. Never rejects. */
  catchUp(): Promise<void> {
    this.#again = true;
    this.#request ??= this.#requests().finally(() => {
      this.#request = null;
      this.reschedule();
    });
    return this.#request;
  }

  /** Called when the page is visible or online again. */
  wake(): void {
    this.#quiet = 0;
    this.#hiddenSince = null;
    this.#socket?.wake();
    void this.catchUp();
  }

  /** Reports that a message was stored, whose event is about to happen. */
  expect(message: string): void {
    this.#quiet = 0;
    if (!this.#isRunning) {
      return;
    }
    if (this.#listsPolls !== null) {
      this.#options.onReset(false);
      return;
    }
    this.#expected.add(message);
    this.#awaitExpected();
  }

  /** Reads the log if the event of the oldest expected message does not come: the socket is broken. */
  #awaitExpected(): void {
    const [oldest] = this.#expected;
    if (oldest === undefined || this.#expectation !== undefined) {
      return;
    }
    this.#expectation = setTimeout(() => {
      this.#expectation = undefined;
      if (this.#expected.has(oldest)) {
        this.#expected.clear();
        void this.catchUp();
      }
      this.#awaitExpected();
    }, this.#options.timing.expected);
  }

  reschedule(): void {
    clearTimeout(this.#timer);
    const pause = this.#isRunning && this.#request === null ? this.#pause() : null;
    if (pause !== null) {
      this.#timer = setTimeout(() => void this.#tick(), pause);
    }
  }

  /** Milliseconds to the next request; null if there is none. */
  #pause(): number | null {
    const { connectivity, timing, random } = this.#options;
    const { isVisible, isPaused } = connectivity;
    this.#hiddenSince = isVisible ? null : (this.#hiddenSince ?? Date.now());
    if (isPaused) {
      return null;
    }
    if (this.#failures > 0) {
      return retryDelay(isVisible, this.#failures, this.#error, random());
    }
    if (this.#listsPolls !== null) {
      return isVisible ? timing.poll : timing.pollHidden;
    }
    if (this.#socket?.isOpen === true && this.#undelivered < UNDELIVERED) {
      return isVisible ? timing.catchUp : null;
    }
    if (this.#hiddenSince !== null) {
      return Date.now() - this.#hiddenSince < timing.hiddenFor ? timing.pollHidden : null;
    }
    return Math.min(timing.pollMost, timing.poll * 2 ** Math.floor(this.#quiet / QUIET));
  }

  #tick(): void {
    if (this.#listsPolls === null || this.#listsPolls >= LISTS_POLLS) {
      void this.catchUp();
    } else {
      this.#listsPolls += 1;
      this.#options.onReset(false);
      this.reschedule();
    }
  }

  async #requests(): Promise<void> {
    clearTimeout(this.#timer);
    const { connectivity, onReset } = this.#options;
    while (this.#again && this.#isRunning && !connectivity.isPaused) {
      this.#again = false;
      const round = this.#round;
      try {
        // Each request begins where the one before it has ended.
        // oxlint-disable-next-line no-await-in-loop
        const found = await this.#log.read();
        this.#failures = 0;
        this.#listsPolls = null;
        this.#quiet += 1;
        if (round === this.#round && this.#socket?.isOpen === true) {
          if (this.#isComplete && found !== null) {
            this.#checkDelivery(found);
          }
          this.#isComplete = true;
        }
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) {
          // An earlier version of the API.
          this.#failures = 0;
          this.#listsPolls = 0;
          onReset(false);
        } else if (this.#isRunning) {
          connectivity.fault(error);
          this.#failures += 1;
          this.#error = error;
          if (this.#failures > FAILURES) {
            onReset(false);
          }
        }
        break;
      }
    }
    this.#again = false;
    connectivity.update();
  }

  /** Reconnects if the socket does not bring the event with this number soon. Checks one event at a time. */
  #checkDelivery(number: number): void {
    this.#check ??= setTimeout(() => {
      this.#check = undefined;
      if (this.#seen < number && this.#socket?.isOpen === true) {
        this.#undelivered += 1;
        // Two new connections that do not deliver are enough.
        if (this.#undelivered <= UNDELIVERED) {
          this.#socket.reconnect();
        }
      }
    }, this.#options.timing.late);
  }

  #createSocket({ tabs, name, ...options }: SocketOptions): SharedSocket {
    const { timing, random } = this.#options;
    return new SharedSocket({
      tabs,
      name,
      leader: timing.leader,
      open: (handlers) => new EventSocket({ ...options, ...handlers, timing, random }),
      onText: (text) => this.#onText(text),
      onOpen: () => {
        this.#changed();
        // A hidden page catches up when it is visible again, or when the next frame shows a gap.
        if (this.#options.connectivity.isVisible) {
          void this.catchUp();
        }
      },
      onLost: () => {
        this.#changed();
        this.#quiet = 0;
        this.reschedule();
      },
    });
  }

  #changed(): void {
    this.#round += 1;
    this.#isComplete = false;
  }

  #onText(text: unknown): void {
    const frame = parseFrame(text);
    if (frame !== null) {
      this.#seen = Math.max(this.#seen, frame.number);
      this.#undelivered = 0;
      try {
        this.#log.receive(frame);
      } catch (error) {
        this.#options.connectivity.fault(error);
        throw error;
      }
    }
  }
}
