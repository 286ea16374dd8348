import { Cpu } from './cpu.ts';
import { type Opened, REPETITIONS, conversationBox, expect, loadTenThousand, painted, test } from './measure.ts';
import { median, row } from './rows.ts';

const READINGS = 10;

declare global {
  interface Window {
    counts: { commits: number; mutations: number; clocksStopped: boolean };
  }
}

interface Idle {
  /** Milliseconds per reading. */
  cpu: number;
  commits: number;
  mutations: number;
}

test('idle readings of the log', async ({ openLists, report }) => {
  const few = await openLists({ messages: 30, conversations: 30, init: countRenders });
  await conversationBox(few.page, few.lists.newestText);
  const short = await tenReadings(few);
  await few.page.close();

  const many = await openLists({ messages: 10_000, conversations: 30, init: countRenders });
  await loadTenThousand(many);
  const long = await tenReadings(many);
  await report(
    row('CPU per idle reading, 30 messages', short.cpu, 'ms'),
    row('CPU per idle reading, 10,000 messages', long.cpu, 'ms'),
    row('React commits in 10 idle readings', Math.max(short.commits, long.commits), 'count', 'idle_commits'),
    row('DOM mutations in 10 idle readings', Math.max(short.mutations, long.mutations), 'count', 'idle_mutations'),
  );
});

/** The medians of ten readings of an unchanged log, each with a ping. */
async function tenReadings({ page, lists }: Opened): Promise<Idle> {
  // React reports its commits to this hook in production builds, too.
  expect(await page.evaluate(() => window.counts.commits)).toBeGreaterThan(0);
  const cpu = await Cpu.of(page);
  const spent: number[] = [];
  const commits: number[] = [];
  const mutations: number[] = [];
  await nextReading();
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    await page.evaluate(() => Object.assign(window.counts, { commits: 0, mutations: 0, clocksStopped: true }));
    spent.push(
      await cpu.during(async () => {
        for (let reading = 0; reading < READINGS; reading += 1) {
          await nextReading();
        }
      }),
    );
    const counts = await page.evaluate(() => window.counts);
    commits.push(counts.commits);
    mutations.push(counts.mutations);
  }
  return { cpu: median(spent) / READINGS, commits: median(commits), mutations: median(mutations) };

  async function nextReading(): Promise<void> {
    const before = lists.readings;
    await page.evaluate(() => window.dispatchEvent(new Event('online')));
    await expect.poll(() => lists.readings, { intervals: [100], timeout: 90_000 }).toBeGreaterThan(before);
    await painted(page);
  }
}

/** Runs in the page before its scripts. */
function countRenders(): void {
  const counts = { commits: 0, mutations: 0, clocksStopped: false };
  const hook = {
    supportsFiber: true,
    inject: () => 1,
    checkDCE: () => undefined,
    onCommitFiberRoot: () => {
      counts.commits += 1;
    },
    onCommitFiberUnmount: () => undefined,
    onPostCommitFiberRoot: () => undefined,
  };
  Object.assign(window, { counts, __REACT_DEVTOOLS_GLOBAL_HOOK__: hook });
  new MutationObserver((records) => {
    counts.mutations += records.length;
  }).observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  // Clocks that update relative times are not readings.
  const { setInterval } = window;
  const withClocks = (handler: TimerHandler, delay = 0, ...args: unknown[]) =>
    setInterval(
      (...given: unknown[]) => {
        if (typeof handler === 'function' && !(counts.clocksStopped && delay >= 10_000)) {
          handler(...given);
        }
      },
      delay,
      ...args,
    );
  Object.assign(window, { setInterval: withClocks });
}
