import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Request } from '@playwright/test';

const frontend = fileURLToPath(new URL('..', import.meta.url));
const binaries = process.env['CRUDDUR_BINARIES'] ?? fileURLToPath(new URL('../../target/debug/', import.meta.url));

/** A local stack with its embedded engines, the demo data and the built client; nothing of it is kept. */
export class Stack {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  /** `accessTokenLifetime` is in seconds. */
  static async start(accessTokenLifetime = 3600): Promise<Stack> {
    const flags = ['--port', '0', '--ephemeral', '--client-dir', frontend];
    const lifetime = ['--access-token-lifetime', String(accessTokenLifetime)];
    const child = spawn(`${binaries}/local`, [...flags, ...lifetime], { stdio: ['ignore', 'ignore', 'pipe'] });
    const url = await new Promise<string>((resolve, reject) => {
      let said = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text;
        const found = /Web client +(http:\S+)\n[^]*Ctrl-C/.exec(said)?.[1];
        if (found !== undefined) {
          resolve(found);
        }
      });
      child.on('error', reject);
      child.on('exit', (code) => reject(new Error(`the stack ended with ${code}: ${said}`)));
    });
    return new Stack(child, url);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.on('exit', resolve));
    this.#process.kill('SIGINT');
    await ended;
  }

  /** Runs the admin command on this stack. */
  async cruddur(...args: string[]): Promise<void> {
    await promisify(execFile)(`${binaries}/cruddur`, ['--url', this.url, ...args]);
  }

  /** Carries out a browser's request beside the browser. */
  async repeat(request: Request): Promise<void> {
    const answer = await fetch(request.url(), {
      method: request.method(),
      headers: await request.allHeaders(),
      body: request.postData(),
    });
    if (!answer.ok) {
      throw new Error(`${request.url()} answers ${answer.status}: ${await answer.text()}`);
    }
  }

  /** The API as `handle`, without a browser. */
  async api(handle: string): Promise<Api> {
    const answer = await fetch(`${this.url}/local/token`, { method: 'POST', body: JSON.stringify({ handle }) });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    return new Api(this.url, token);
  }
}

export interface Sent {
  message_group_uuid: string;
  uuid: string;
  message: string;
}

export class Api {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async send(to: { handle: string } | { message_group_uuid: string }, message: string): Promise<Sent> {
    const answer = await this.fetch('/api/messages', { method: 'POST', body: JSON.stringify({ ...to, message }) });
    return (await answer.json()) as Sent;
  }

  /** All messages of a group, oldest first. */
  async messages(group: string): Promise<Sent[]> {
    const pages: Sent[][] = [];
    let path: string | undefined = `/api/messages/${group}?limit=100`;
    while (path !== undefined) {
      const answer: Response = await this.fetch(path);
      pages.unshift((await answer.json()) as Sent[]);
      path = /<([^>]+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1];
    }
    return pages.flat();
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(this.#url + path, { ...init, headers: { authorization: `Bearer ${this.#token}` } });
    if (!answer.ok) {
      throw new Error(`${path} answers ${answer.status}: ${await answer.text()}`);
    }
    return answer;
  }
}
