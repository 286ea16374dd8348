import { type Entry, type Message, type MessageGroup, MessagesClient, type PagedList } from '@cruddur/client';
import { FaultyProxy } from './faulty-proxy.ts';
import { Recording } from './recording.ts';
import type { Stack } from './stack.ts';
import { pause, until } from './wait.ts';

/** Messages that wait in an outbox. */
const WAITING = 5;

export interface DeviceOptions {
  name: string;
  handle: string;
  /** The conversation that the device opens. */
  group: string;
  stack: Stack;
  /** Chooses the faults of the network. */
  random: () => number;
}

/** A device of a user: the client package behind a network of its own. */
export class Device {
  readonly name: string;
  readonly handle: string;
  readonly proxy: FaultyProxy;
  readonly recording = new Recording();
  /** Own messages. */
  added = 0;
  /** Pages that were loaded only to load the whole conversation. */
  pages = 0;
  readonly #client: MessagesClient;
  readonly #thread: PagedList<Message>;
  readonly #group: string;

  private constructor({ name, handle, group, stack }: DeviceOptions, proxy: FaultyProxy) {
    this.name = name;
    this.handle = handle;
    this.proxy = proxy;
    this.#group = group;
    const { recording } = this;
    this.#client = new MessagesClient({
      url: `http://127.0.0.1:${proxy.port}`,
      websocketUrl: `ws://127.0.0.1:${proxy.port}/ws`,
      user: handle,
      credentials: () => stack.token(handle),
      store: recording.createStore(),
      fetch: recording.fetch,
      WebSocket: recording.createWebSocket(),
    });
    this.#thread = this.#client.thread(group);
  }

  /** Opens the inbox and a conversation. Returns when the device has a position in the log. */
  static async start(options: DeviceOptions): Promise<Device> {
    const { name, stack, random } = options;
    const device = new Device(options, await FaultyProxy.start(stack.port, random));
    device.#client.inbox.subscribe(() => undefined);
    device.#thread.subscribe(() => undefined);
    device.#client.start();
    if (!(await until(() => device.recording.position !== null && device.#thread.state().value !== undefined, 120))) {
      throw new Error(`${name} did not start`);
    }
    return device;
  }

  /** Sends a message by the outbox whenever `isNext` allows it and few are waiting. Returns when all are stored. */
  async send(isNext: () => boolean): Promise<void> {
    while (isNext()) {
      this.added += 1;
      this.#client.send({ kind: 'group', uuid: this.#group }, this.text(this.added));
      await this.#waitForOutbox(WAITING);
    }
    await this.#waitForOutbox(1);
  }

  /** The text of the own message with this number, from 1. */
  text(number: number): string {
    return `${this.name} ${number}`;
  }

  /** The number of own messages that are stored. */
  stored(): number {
    return this.added - this.#unsent().length;
  }

  /** The loaded messages, oldest first. */
  messages(): readonly Message[] {
    return this.#thread.state().value?.rows ?? [];
  }

  /** The loaded conversations, newest first. */
  groups(): readonly MessageGroup[] {
    return this.#client.inbox.state().value?.rows ?? [];
  }

  /** The number of entries in the outbox, including messages that are sent but not known to be listed. */
  outbox(): number {
    return this.#client.outbox.entries().length;
  }

  /** Loads the conversation to its beginning, unless a request fails. */
  async loadAll(): Promise<void> {
    do {
      this.pages += this.#thread.state().value?.next === null ? 0 : 1;
      await this.#thread.loadMore();
    } while (this.#thread.state().value?.next !== null && this.#thread.state().moreError === null);
  }

  /** Waits until fewer than `most` messages of the outbox are not stored. */
  async #waitForOutbox(most: number): Promise<void> {
    for (let unsent = this.#unsent(); unsent.length >= most; unsent = this.#unsent()) {
      const refused = unsent.find(({ state }) => state.name === 'failed' || state.name === 'held');
      if (refused !== undefined) {
        throw new Error(`the outbox of ${this.name} does not send: ${JSON.stringify(refused)}`);
      }
      await pause(10);
    }
  }

  #unsent(): Entry[] {
    return this.#client.outbox.entries().filter(({ state }) => state.name !== 'sent');
  }
}
