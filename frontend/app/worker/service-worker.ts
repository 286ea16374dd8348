/**
 * Starts the page without a network, or with a slow one, and opens the conversations of notifications.
 *
 * Navigations and `config.json` are answered by the network, so a deployment is used at the next load. Hand-written: Workbox
 * would be ten times as large, and its precache drops the files that pages of the version before still need.
 */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;

/** The files in `assets/`, by the build. */
declare const ASSETS: readonly string[];
/** The script of the page, which is one of them. */
declare const ENTRY: string;
/** Another one for each build. */
declare const VERSION: string;

/** The base URL of the page, which is also the key of its HTML. */
const { scope } = worker.registration;
const PREFIX = `cruddur-shell ${scope} `;
const SHELL = PREFIX + VERSION;
const CONFIG = `cruddur-config ${scope}`;
/** The paths of the page. Others, such as those of an issuer, are left to the network. */
const PAGES = /^(?:callback\/?|messages(?:\/.*)?)?$/;
/** Milliseconds after which the network is too slow to wait for. */
const SLOW = 3000;

/** Milliseconds to wait for the network: none after it was too slow, until it responds again. */
let patience = SLOW;

worker.addEventListener('install', (event) => event.waitUntil(install()));
worker.addEventListener('activate', (event) => event.waitUntil(activate()));
worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const address = origin + pathname;
  const path = address.startsWith(scope) ? address.slice(scope.length) : null;
  if (request.method !== 'GET' || path === null) {
    return;
  }
  if (request.mode === 'navigate') {
    event.respondWith(PAGES.test(path) ? networkFirst(navigation(event), scope, SHELL) : navigation(event));
  } else if (path === 'config.json') {
    event.respondWith(networkFirst(configuration(request), address, CONFIG));
  } else if (path.startsWith('assets/')) {
    event.respondWith(asset(request));
  }
});

worker.addEventListener('notificationclick', (event) => {
  const { notification } = event;
  notification.close();
  event.waitUntil(open(notification.tag));
});

async function install(): Promise<void> {
  const page = await fetch(scope, { cache: 'no-cache' });
  // During a deployment, or from a cache on the way, the page may be of another version than its assets.
  if (!page.ok || page.redirected || !(await page.clone().text()).includes(ENTRY)) {
    throw new Error('the page and the service worker have different versions');
  }
  const shell = await caches.open(SHELL);
  await Promise.all(
    ASSETS.map(async (name) => {
      const address = scope + name;
      const known = await caches.match(address);
      await (known === undefined ? shell.add(address) : shell.put(address, known));
    }),
  );
  await configuration(`${scope}config.json`);
  await shell.put(scope, page);
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const others = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== SHELL);
  // Open pages of the version before load parts of themselves when they need them.
  await Promise.all(others.slice(0, -1).map((name) => caches.delete(name)));
  // Otherwise, each navigation would wait for the start of this worker.
  await worker.registration.navigationPreload?.enable();
  await worker.clients.claim();
}

/** Shows a conversation in the page used last, or in a new one. */
async function open(group: string): Promise<void> {
  const [page] = await worker.clients.matchAll({ type: 'window' });
  if (page === undefined) {
    await worker.clients.openWindow(`${scope}messages/${group}`);
  } else {
    await page.focus();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a client has no target origin
    page.postMessage(group);
  }
}

async function navigation({ preloadResponse, request }: FetchEvent): Promise<Response> {
  const preloaded = (await preloadResponse) as Response | undefined;
  return preloaded ?? (await fetch(request));
}

/** Loads `config.json`, and stores it. */
async function configuration(request: Request | string): Promise<Response> {
  const response = await fetch(request);
  // Some hosts respond with the page to paths without a file.
  if (response.ok && response.headers.get('Content-Type')?.includes('json') === true) {
    await (await caches.open(CONFIG)).put(request, response.clone());
  }
  return response;
}

async function asset(request: Request): Promise<Response> {
  return (await caches.match(request, { ignoreVary: true })) ?? (await fetch(request));
}

/** The response of the network, or the stored one if the network fails or is slow. */
async function networkFirst(network: Promise<Response>, address: string, cacheName: string): Promise<Response> {
  const answered = network.then(
    (response) => {
      patience = SLOW;
      return response;
    },
    () => undefined,
  );
  const response = await Promise.race([answered, new Promise<'slow'>((resolve) => setTimeout(resolve, patience, 'slow'))]);
  if (response === 'slow') {
    patience = 0;
  }
  if (response instanceof Response && response.status < 500) {
    return response;
  }
  return (await caches.match(address, { cacheName, ignoreVary: true })) ?? (await network);
}
