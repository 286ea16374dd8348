import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import { parse } from '@formatjs/icu-messageformat-parser';
import react from '@vitejs/plugin-react';
import { type Plugin, build, defaultClientConditions, defineConfig, transformWithOxc } from 'vite';

/** The policy of the built page. API, socket and issuer can be at any encrypted origin; http and ws are for local stacks. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "manifest-src 'self'",
  "worker-src 'self'",
  "connect-src 'self' https: wss: http://localhost:* http://127.0.0.1:* ws://localhost:* ws://127.0.0.1:*",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ');

/** Only in builds: the development server injects inline scripts. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_SECURITY_POLICY },
      injectTo: 'head-prepend',
    },
  ],
};

/** Bundles a script that is not part of the page's modules. `values` replaces names in it. */
async function bundled(path: string, values: Record<string, unknown> = {}): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    define: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value)])),
    build: {
      write: false,
      target: 'es2022',
      rolldownOptions: { input: fileURLToPath(new URL(path, import.meta.url)), output: { format: 'iife' } },
    },
  });
  const [chunk] = 'output' in built ? built.output : [];
  if (chunk?.type !== 'chunk') {
    throw new Error(`${path} has no output`);
  }
  return chunk.code.trim();
}

/** Runs `first-paint.ts` before the page is painted. Modules run later, and the policy allows no inline scripts. */
const firstPaint = (): Plugin => {
  let base = '/';
  return {
    name: 'first-paint',
    configResolved: (config) => {
      base = config.base;
    },
    async buildStart() {
      if (this.environment.mode === 'build') {
        this.emitFile({ type: 'asset', name: 'first-paint.js', source: await bundled('src/first-paint.ts') });
      }
    },
    async transformIndexHtml(_, { bundle }) {
      const file = Object.values(bundle ?? {}).find((output) => output.type === 'asset' && output.names.includes('first-paint.js'));
      const script = file === undefined ? { children: await bundled('src/first-paint.ts') } : { attrs: { src: base + file.fileName } };
      return [{ tag: 'script', injectTo: 'head', ...script }];
    },
  };
};

/** Parses the texts at build time, so that the page does without the parser. A syntax error fails the build. */
const parsedTexts: Plugin = {
  name: 'parsed-texts',
  apply: 'build',
  enforce: 'pre',
  config: () => ({
    resolve: {
      alias: { '@formatjs/icu-messageformat-parser': '@formatjs/icu-messageformat-parser/no-parser.js' },
    },
  }),
  async transform(code, id) {
    if (!/\/texts\/(?:[a-z]+\/)?[a-z]{2}\.ts$/.test(id)) {
      return null;
    }
    const { code: script } = await transformWithOxc(code, id);
    const catalogs: Record<string, Record<string, string>> = await import(`data:text/javascript,${encodeURIComponent(script)}`);
    const lines = Object.entries(catalogs).map(([name, catalog]) => {
      const texts = Object.entries(catalog).map(([key, text]) => [key, /[{}<']/.test(text) ? parse(text) : text]);
      return `export const ${name} = ${JSON.stringify(Object.fromEntries(texts))};`;
    });
    return { code: lines.join('\n'), map: null };
  },
};

/** The local stack adds the address of its socket to the `config.json` that it serves. The development server does the same. */
const socketOfStack: Plugin = {
  name: 'socket-of-stack',
  configureServer({ middlewares, config }) {
    middlewares.use('/config.json', (_, response) => {
      const file: object = JSON.parse(readFileSync(join(config.publicDir, 'config.json'), 'utf8'));
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ ...file, websocket_url: '/ws' }));
    });
  },
};

/**
 * Replaces Vite's helper, which also preloads the scripts that a chunk imports: they are loaded already. This one loads its styles
 * once: a second copy would override the sheets after the first.
 */
const stylesOfChunks = (): Plugin => {
  let base = '/';
  return {
    name: 'styles-of-chunks',
    apply: 'build',
    enforce: 'pre',
    configResolved: (config) => {
      base = config.base;
    },
    load: (id) => (id === '\0vite/preload-helper.js' ? stylesHelper(base) : null),
  };
};

const stylesHelper = (base: string) => `
  const loaded = {};
  const load = (file) => new Promise((resolve, reject) => {
    const href = ${JSON.stringify(base)} + file;
    if (document.querySelector('link[href="' + href + '"]')) {
      resolve();
      return;
    }
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = href;
    link.onload = resolve;
    link.onerror = () => {
      // A later attempt may succeed.
      delete loaded[file];
      link.remove();
      reject(new Error(file));
    };
    document.head.append(link);
  });
  export const __vitePreload = (chunk, files = []) =>
    Promise.all(files.map((file) => (loaded[file] ??= load(file)))).then(chunk);
`;

/** Adds the service worker, with the names of all assets. */
const serviceWorker: Plugin = {
  name: 'service-worker',
  apply: 'build',
  async writeBundle({ dir = '' }, bundle) {
    const ASSETS = Object.keys(bundle).filter((file) => file.startsWith('assets/'));
    const ENTRY = Object.values(bundle).find((output) => output.type === 'chunk' && output.isEntry)?.fileName;
    const VERSION = createHash('sha256').update(readFileSync(join(dir, 'index.html'))).update(ASSETS.join()).digest('hex').slice(0, 16);
    writeFileSync(join(dir, 'service-worker.js'), await bundled('worker/service-worker.ts', { ASSETS, ENTRY, VERSION }));
  },
};

/** Adds a compressed copy of each asset, which the local stack sends. */
const brotli: Plugin = {
  name: 'brotli',
  apply: 'build',
  writeBundle({ dir }, bundle) {
    for (const name of Object.keys(bundle).filter((file) => file.startsWith('assets/'))) {
      const file = join(dir ?? '', name);
      writeFileSync(`${file}.br`, brotliCompressSync(readFileSync(file)));
    }
  },
};

// The issuer builds URLs from the `Host` header, so the proxy must not change it.
const stack = { target: 'http://127.0.0.1:4567', changeOrigin: false };
const proxy = { '/api': stack, '/local': stack, '/ws': { ...stack, ws: true } };

export default defineConfig({
  plugins: [react(), contentSecurityPolicy, firstPaint(), parsedTexts, stylesOfChunks(), socketOfStack, serviceWorker, brotli],
  // The packages' sources, which need no build of their own.
  resolve: { conditions: ['@cruddur/source', ...defaultClientConditions] },
  build: {
    target: 'es2022',
    // Browsers with `light-dark()`.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Browsers with `light-dark()` preload modules themselves. The scripts that a chunk imports are loaded already: see
    // `stylesOfChunks`.
    modulePreload: { polyfill: false, resolveDependencies: (_, files) => files.filter((file) => file.endsWith('.css')) },
    // The modules of the start are one chunk. Otherwise, each further dynamic import may split some of them off.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'index', tags: ['$initial'] }] } } },
    outDir: '../dist',
    emptyOutDir: true,
  },
  server: { proxy },
  preview: { proxy },
});
