import { brotliCompressSync } from 'node:zlib';
import { inbox } from '../e2e/test.ts';
import { type Page, REPETITIONS, expect, test } from './measure.ts';
import { median, row } from './rows.ts';

/** A start with an empty cache. */
interface Start {
  /** The number of requests, including those to the API, until the page shows its content. */
  requests: number;
  /** Bytes of the client's files that are requested until then, compressed with brotli. */
  brotli: number;
  /** The same for the files that follow in the background. */
  background: number;
  /** Bytes of the client's files as transferred, with headers. */
  transferred: number;
}

test('start', async ({ open, report, stack }) => {
  const { message_group_uuid: group } = await (await stack.api('sunyoung')).send({ handle: 'scarlett' }, 'Hello');
  const showsInbox = (page: Page) => inbox(page).getByRole('link').first().waitFor();
  const starts: Start[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    starts.push(await start(await open(), '/messages', showsInbox));
  }
  const conversation = await start(await open(), `/messages/${group}`, showsInbox);
  const welcome = await start(await open(false), '/', (page) => page.getByRole('button', { name: 'Sign in' }).waitFor());
  const medianOf = (field: keyof Start) => median(starts.map((one) => one[field]));
  await report(
    row('brotli: signed-in start', medianOf('brotli'), 'bytes', 'app_shell_brotli_bytes'),
    row('brotli: after the signed-in start, in the background', medianOf('background'), 'bytes'),
    row('brotli: signed-in start at a conversation', conversation.brotli + conversation.background, 'bytes'),
    row('brotli: welcome page', welcome.brotli, 'bytes'),
    row('transferred by the local stack: signed-in start', medianOf('transferred'), 'bytes'),
    row('transferred by the local stack: welcome page', welcome.transferred, 'bytes'),
    row('requests until the inbox shows', medianOf('requests'), 'count', 'requests_until_inbox'),
  );
});

async function start(page: Page, path: string, shows: (page: Page) => Promise<void>): Promise<Start> {
  const session = await page.context().newCDPSession(page);
  const urls = new Map<string, URL>();
  const sizes = new Map<string, number>();
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, new URL(request.url)));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
  await session.send('Network.enable');
  await page.goto(path);
  await shows(page);
  const requests = urls.size;
  await page.waitForLoadState('load');
  await page.waitForTimeout(2000);
  const isOwn = ({ pathname, origin }: URL) => origin === new URL(page.url()).origin && !/^\/(api|local)\//.test(pathname);
  const files = [...urls].filter(([, url]) => isOwn(url));
  expect(files.length).toBeGreaterThan(1);
  const compressed = await Promise.all(files.map(([, url]) => brotli(url)));
  await page.context().close();
  const shown = new Set([...urls.keys()].slice(0, requests));
  const first = files.filter(([id]) => shown.has(id)).length;
  return {
    requests,
    brotli: sum(compressed.slice(0, first)),
    background: sum(compressed.slice(first)),
    transferred: sum(files.map(([id]) => sizes.get(id) ?? 0)),
  };
}

async function brotli(url: URL): Promise<number> {
  const response = await fetch(url);
  return brotliCompressSync(Buffer.from(await response.arrayBuffer())).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
