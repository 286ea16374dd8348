import { type PreviewServer, preview } from 'vite';

/** The built files of a page, with `/api`, `/local` and `/ws` of a stack. */
export class Site {
  readonly url: string;
  readonly #server: PreviewServer;

  private constructor(server: PreviewServer, url: string) {
    this.#server = server;
    this.url = url;
  }

  /** `folder` has the page's `vite.config.ts` and its `dist`. */
  static async start(folder: string, stack: string): Promise<Site> {
    const proxy = { '/api': stack, '/local': stack, '/ws': { target: stack, ws: true } };
    const server = await preview({ root: folder, logLevel: 'error', preview: { port: 0, host: '127.0.0.1', proxy } });
    const [url] = server.resolvedUrls?.local ?? [];
    if (url === undefined) {
      throw new Error(`the preview of ${folder} has no address`);
    }
    return new Site(server, url);
  }

  async stop(): Promise<void> {
    await this.#server.close();
  }
}
