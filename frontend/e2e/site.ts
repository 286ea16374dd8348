import { readFile } from 'node:fs/promises';
import { type IncomingMessage, type Server, type ServerResponse, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stack } from './stack.ts';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));

const types: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/** A static host at its own origin: the built files with another `config.json`. */
export class Site {
  readonly url: string;
  /** Files in place of the built ones, by name; null for those that are missing. */
  readonly replaced = new Map<string, string | null>();
  /** Milliseconds before each response. */
  delayMillis = 0;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = `http://localhost:${(server.address() as AddressInfo).port}`;
  }

  /** Proxies `/local/issuer` to `issuer`: the local stack's issuer allows no other origin. */
  static async start(config: (url: string) => object, issuer?: string): Promise<Site> {
    const server = createServer(async (incoming, response) => {
      await new Promise((resolve) => setTimeout(resolve, site.delayMillis));
      const { pathname } = new URL(incoming.url ?? '/', 'http://site.test');
      if (issuer !== undefined && pathname.startsWith('/local/issuer/')) {
        proxy(incoming, response, issuer);
      } else if (pathname === '/config.json') {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(config(site.url)));
      } else {
        void serve(pathname, site.replaced, response);
      }
    });
    await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
    const site = new Site(server);
    return site;
  }

  /** A host at whose origin the client uses a local stack. `logoutUrl` returns the `logout_url`, by default null. */
  static async of(stack: Stack, logoutUrl: (url: string) => string | null = () => null): Promise<Site> {
    const config = (url: string) => ({
      api_url: stack.url,
      websocket_url: `${stack.url.replace('http', 'ws')}/ws`,
      authority: `${url}/local/issuer`,
      client_id: 'cruddur-local-client',
      scope: 'openid profile',
      logout_url: logoutUrl(url),
    });
    return await Site.start(config, stack.url);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function serve(pathname: string, replaced: Site['replaced'], response: ServerResponse): Promise<void> {
  const name = extname(pathname) === '' ? 'index.html' : pathname.slice(1);
  try {
    const file = replaced.get(name) ?? (replaced.has(name) ? null : await readFile(join(dist, name)));
    if (file === null) {
      throw new Error('missing');
    }
    response.setHeader('content-type', types[extname(name)] ?? 'application/octet-stream').end(file);
  } catch {
    response.writeHead(404).end();
  }
}

function proxy(incoming: IncomingMessage, response: ServerResponse, target: string): void {
  const { hostname, port } = new URL(target);
  const { url: path, method, headers } = incoming;
  const outgoing = request({ hostname, port, path, method, headers }, (upstream) => {
    response.writeHead(upstream.statusCode ?? 502, upstream.headers);
    upstream.pipe(response);
  });
  outgoing.on('error', () => response.writeHead(502).end());
  incoming.pipe(outgoing);
}
