import { composer, message, openConversation, say } from '../e2e/test.ts';
import { type Page, expect, test } from './measure.ts';
import { type Row, row } from './rows.ts';

const MINUTE = 60_000;
/** How long an idle page is watched: two readings of the log. */
const IDLE = 4 * MINUTE;
/** How long a busy page is watched: a message in each direction every ten seconds. */
const BUSY = 2 * MINUTE;
const MESSAGES_EVERY = 10_000;

/** What a page sends and receives besides its own files. */
interface Traffic {
  requests: number;
  /** Bytes of responses with headers, and of request bodies. */
  bytes: number;
  /** Frames of sockets in both directions. */
  frames: number;
  frameBytes: number;
}

/** With the local stack: counts are those of a deployment, and bytes are close. */
test('traffic', async ({ open, report, stack }) => {
  const page = await open();
  const traffic: Traffic = { requests: 0, bytes: 0, frames: 0, frameBytes: 0 };
  await count(page, traffic);
  await page.goto('/messages');
  await openConversation(page, 'Scarlett Ho');
  await expect(composer(page)).toBeVisible();
  // The start is over.
  await page.waitForTimeout(10_000);
  const idle = await during(traffic, () => page.waitForTimeout(IDLE));
  const scarlett = await stack.api('scarlett');
  const busy = await during(traffic, async () => {
    for (let round = 0; round < BUSY / MESSAGES_EVERY; round += 1) {
      const pause = page.waitForTimeout(MESSAGES_EVERY);
      await say(page, `From here, ${round}.`);
      await scarlett.send({ handle: 'sunyoung' }, `From there, ${round}.`);
      await expect(message(page, `From there, ${round}.`)).toBeVisible();
      await pause;
    }
  });
  await report(...rows('idle page', idle, IDLE), ...rows('busy page', busy, BUSY));
});

function rows(name: string, traffic: Traffic, duration: number): Row[] {
  const hourly = (value: number) => Math.round((value * 60 * MINUTE) / duration);
  return [
    row(`requests per hour, ${name}`, hourly(traffic.requests), 'count'),
    row(`bytes per hour, ${name}`, hourly(traffic.bytes), 'bytes'),
    row(`socket messages per hour, ${name}`, hourly(traffic.frames), 'count'),
    row(`socket bytes per hour, ${name}`, hourly(traffic.frameBytes), 'bytes'),
  ];
}

/** Counts what the page sends and receives from now on. */
async function count(page: Page, traffic: Traffic): Promise<void> {
  const onFrame = ({ payload }: { payload: string | Buffer }) => {
    traffic.frames += 1;
    traffic.frameBytes += Buffer.byteLength(payload);
  };
  page.on('websocket', (socket) => socket.on('framesent', onFrame).on('framereceived', onFrame));
  const session = await page.context().newCDPSession(page);
  session.on('Network.requestWillBeSent', ({ request }) => {
    traffic.requests += 1;
    traffic.bytes += request.postData?.length ?? 0;
  });
  session.on('Network.loadingFinished', ({ encodedDataLength }) => {
    traffic.bytes += encodedDataLength;
  });
  await session.send('Network.enable');
}

/** The traffic during an action. */
async function during(traffic: Traffic, action: () => Promise<unknown>): Promise<Traffic> {
  const before = { ...traffic };
  await action();
  return {
    requests: traffic.requests - before.requests,
    bytes: traffic.bytes - before.bytes,
    frames: traffic.frames - before.frames,
    frameBytes: traffic.frameBytes - before.frameBytes,
  };
}
