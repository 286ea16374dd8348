import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Request } from '@playwright/test';

/** The folder whose `dist` the stack serves. */
export const clientFolder = process.env['CRUDDUR_CLIENT_DIR'] ?? fileURLToPath(new URL('..', import.meta.url));
const binaries = process.env['CRUDDUR_BINARIES'] ?? fileURLToPath(new URL('../../target/debug/', import.meta.url));

/** An ephemeral local stack with embedded engines, demo data and the built client. */
export class Stack {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** `accessTokenLifetime` is in seconds. */
  static async start(accessTokenLifetime = 3600, more: string[] = []): Promise<Stack> {
    const flags = [...more, '--port', '0', '--ephemeral', '--client-dir', clientFolder];
    const lifetime = ['--access-token-lifetime', String(accessTokenLifetime)];
    const child = spawn(`${binaries}/local`, [...flags, ...lifetime], { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise<string>((resolve, reject) => {
      let output = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /Web client +(http:\S+)\n[^]*Ctrl-C/.exec(output)?.[1];
        if (found !== undefined) {
          resolve(found);
        }
      });
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`the stack exited with ${code}: ${output}`)));
    });
    return new Stack(child, url);
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.on('exit', resolve));
    this.#process.kill('SIGINT');
    await exited;
  }

  /** Runs the admin command against this stack. */
  async cruddur(...args: string[]): Promise<void> {
    await promisify(execFile)(`${binaries}/cruddur`, ['--url', this.url, ...args]);
  }

  /** Sends a browser's request from the test. */
  async forward(request: Request): Promise<void> {
    const response = await fetch(request.url(), {
      method: request.method(),
      headers: await request.allHeaders(),
      body: request.postData(),
    });
    if (!response.ok) {
      throw new Error(`unexpected ${response.status} from ${request.url()}: ${await response.text()}`);
    }
  }

  /** The API as a user, without a browser. */
  async api(handle: string): Promise<Api> {
    const response = await fetch(`${this.url}/local/token`, { method: 'POST', body: JSON.stringify({ handle }) });
    const { access_token: token } = (await response.json()) as { access_token: string };
    return new Api(this.url, token);
  }
}

export interface Sent {
  message_group_uuid: string;
  uuid: string;
  message: string;
  created_at: string;
}

export class Api {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async send(to: { handle: string } | { message_group_uuid: string }, message: string): Promise<Sent> {
    const response = await this.fetch('/api/messages', { method: 'POST', body: JSON.stringify({ ...to, message }) });
    return (await response.json()) as Sent;
  }

  /** All messages of a group, oldest first. */
  async messages(group: string): Promise<Sent[]> {
    const pages: Sent[][] = [];
    let path: string | undefined = `/api/messages/${group}?limit=100`;
    while (path !== undefined) {
      const response: Response = await this.fetch(path);
      pages.unshift((await response.json()) as Sent[]);
      path = /<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    return pages.flat();
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await fetch(this.#url + path, { ...init, headers: { authorization: `Bearer ${this.#token}` } });
    if (!response.ok) {
      throw new Error(`unexpected ${response.status} from ${path}: ${await response.text()}`);
    }
    return response;
  }
}
