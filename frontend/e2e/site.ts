import { readFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
};

/** The built files at an origin of their own, as on a static host: only `config.json` is another one. */
export class Site {
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`;
  }

  /** `issuer`: where `/local/issuer` is passed on to, since the local stack's issuer allows no other origin. */
  static async start(config: (url: string) => object, issuer?: string): Promise<Site> {
    const server = createServer((asked, answer) => {
      const { pathname } = new URL(asked.url ?? '/', 'http://site.test');
      if (issuer !== undefined && pathname.startsWith('/local/issuer/')) {
        passOn(asked, answer, issuer);
      } else if (pathname === '/config.json') {
        answer.setHeader('content-type', 'application/json').end(JSON.stringify(config(site.url)));
      } else {
        void serve(pathname, answer);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const site = new Site(server);
    return site;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function serve(pathname: string, answer: ServerResponse): Promise<void> {
  const name = extname(pathname) === '' ? 'index.html' : pathname;
  try {
    const file = await readFile(join(dist, name));
    answer.setHeader('content-type', types[extname(name)] ?? 'application/octet-stream').end(file);
  } catch {
    answer.writeHead(404).end();
  }
}

function passOn(asked: IncomingMessage, answer: ServerResponse, to: string): void {
  const { hostname, port } = new URL(to);
  const passed = request({ hostname, port, path: asked.url, method: asked.method, headers: asked.headers }, (got) => {
    answer.writeHead(got.statusCode ?? 502, got.headers);
    got.pipe(answer);
  });
  passed.on('error', () => answer.writeHead(502).end());
  asked.pipe(passed);
}
