import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LogEvent, Message, MessageGroup } from '@cruddur/client';
import { until } from './wait.ts';

/** Seconds within which a stack starts. */
const START_LIMIT = 120;

export interface StackOptions {
  /** The folder with the programs `local` and `cruddur`. */
  binaries: string;
  /** The folder for the data and the log. */
  folder: string;
  /** The port of the API. The next two have to be free, too. */
  port: number;
  /** In seconds. */
  accessTokenLifetime: number;
}

/** A local stack that keeps its data, so it can be killed and started again. */
export class Stack {
  readonly url: string;
  readonly port: number;
  readonly #options: StackOptions;
  #process: ChildProcess | undefined;

  constructor(options: StackOptions) {
    this.#options = options;
    this.port = options.port;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  async start(): Promise<void> {
    const { binaries, folder, port, accessTokenLifetime } = this.#options;
    const log = openSync(join(folder, 'stack.log'), 'a');
    const data = ['--data-dir', join(folder, 'data'), '--client-dir', folder];
    const flags = ['--port', String(port), '--access-token-lifetime', String(accessTokenLifetime), ...data];
    const child = spawn(join(binaries, 'local'), flags, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#process = child;
    let failure: unknown;
    child.on('error', (error) => (failure = error));
    const isUp = async () => {
      if (failure !== undefined || child.exitCode !== null) {
        throw new Error(`the stack did not start; see ${folder}/stack.log`, { cause: failure });
      }
      return await fetch(`${this.url}/local/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    if (!(await until(isUp, START_LIMIT))) {
      throw new Error(`the stack did not start within ${START_LIMIT} s`);
    }
  }

  /** Ends the process with SIGKILL. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await exited;
    }
  }

  /** Runs the command `cruddur` against this stack. Rejects if it fails. */
  async cruddur(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(this.#options.binaries, 'cruddur'), ['--url', this.url, ...args]);
    return stdout;
  }

  async token(handle: string): Promise<string> {
    const response = await fetch(`${this.url}/local/token`, { method: 'POST', body: JSON.stringify({ handle }) });
    const { access_token: token } = (await response.json()) as { access_token: string };
    return token;
  }

  async send(from: string, to: string, message: string): Promise<void> {
    await this.#fetch(from, '/api/messages', { method: 'POST', body: JSON.stringify({ handle: to, message }) });
  }

  async groups(handle: string): Promise<MessageGroup[]> {
    const { rows } = await this.#pages<MessageGroup>(handle, '/api/message_groups?limit=100');
    return rows;
  }

  /** All messages of a group, oldest first. */
  async messages(handle: string, group: string): Promise<Message[]> {
    const { pages } = await this.#pages<Message>(handle, `/api/messages/${group}?limit=100`);
    return pages.toReversed().flat();
  }

  /** The events after a cursor, oldest first. Without a cursor, none. `next` is the cursor after them. */
  async events(handle: string, after: string | null): Promise<{ rows: LogEvent[]; next: string }> {
    const rows: LogEvent[] = [];
    let next = after;
    for (;;) {
      const page = await this.#page<LogEvent>(handle, `/api/events?${new URLSearchParams(next === null ? {} : { after: next })}`);
      rows.push(...page.rows);
      next = /[?&]after=([^&>]+)/.exec(page.link ?? '')?.[1] ?? '';
      if (page.rows.length === 0) {
        return { rows, next };
      }
    }
  }

  async #pages<Row>(handle: string, first: string): Promise<{ rows: Row[]; pages: Row[][] }> {
    const pages: Row[][] = [];
    for (let path: string | undefined = first; path !== undefined;) {
      const page: { rows: Row[]; link: string | null } = await this.#page<Row>(handle, path);
      pages.push(page.rows);
      path = /<([^>]+)>; rel="next"/.exec(page.link ?? '')?.[1];
    }
    return { rows: pages.flat(), pages };
  }

  async #page<Row>(handle: string, path: string): Promise<{ rows: Row[]; link: string | null }> {
    const response = await this.#fetch(handle, path);
    return { rows: (await response.json()) as Row[], link: response.headers.get('link') };
  }

  async #fetch(handle: string, path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${await this.token(handle)}` };
    const response = await fetch(this.url + path, { ...init, headers });
    if (!response.ok) {
      throw new Error(`unexpected ${response.status} from ${path}: ${await response.text()}`);
    }
    return response;
  }
}
