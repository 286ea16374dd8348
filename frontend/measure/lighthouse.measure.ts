import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openConversation, signInAs } from '../e2e/test.ts';
import { REPETITIONS, test } from './measure.ts';
import { type Row, median, row } from './rows.ts';

/** Installed by npx into npm's cache: `npm ci` has to stay fast for `cargo run`. */
const LIGHTHOUSE = 'lighthouse@12.8.2';

interface Report {
  categories: Record<string, { score: number }>;
  audits: Record<string, { numericValue: number }>;
}

test('lighthouse', async ({ playwright, report, stack }, info) => {
  const profile = await mkdtemp(join(tmpdir(), 'measure-'));
  const port = await freePort();
  const command = await installed();
  const { launchOptions } = info.project.use;
  const context = await playwright.chromium.launchPersistentContext(profile, {
    ...launchOptions,
    args: [...(launchOptions?.args ?? []), `--remote-debugging-port=${port}`],
    baseURL: stack.url,
  });
  try {
    await report(...(await scores('welcome page, empty cache', `${stack.url}/`, command, port)));
    const page = await context.newPage();
    await page.goto('/messages');
    await signInAs(page, 'sunyoung');
    await openConversation(page, 'Scarlett Ho');
    const url = page.url();
    await page.goto('about:blank');
    await report(...(await scores('conversation, signed in, warm cache', url, command, port, '--disable-storage-reset')));
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
});

async function scores(name: string, url: string, command: string, port: number, ...flags: string[]): Promise<Row[]> {
  const reports: Report[] = [];
  for (let repetition = 0; repetition < REPETITIONS; repetition += 1) {
    reports.push(await lighthouse(command, [url, `--port=${port}`, ...flags]));
  }
  const score = (category: string) => Math.round(100 * median(reports.map((one) => one.categories[category]?.score ?? Number.NaN)));
  const seconds = (audit: string) =>
    (median(reports.map((one) => one.audits[audit]?.numericValue ?? Number.NaN)) / 1000).toFixed(1);
  const others = ['accessibility', 'best-practices', 'seo'].map((category) => `${category} ${score(category)}`);
  const paints = [`FCP ${seconds('first-contentful-paint')} s`, `LCP ${seconds('largest-contentful-paint')} s`];
  const note = [...paints, ...others].join(', ');
  return [row(`Lighthouse performance: ${name}`, score('performance'), 'score', undefined, note)];
}

async function lighthouse(command: string, args: string[]): Promise<Report> {
  const fixed = ['--quiet', '--output=json', '--output-path=stdout', '--no-enable-error-reporting'];
  const { stdout } = await promisify(execFile)(command, [...fixed, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout) as Report;
}

/** The path of the command. */
async function installed(): Promise<string> {
  const { stdout } = await promisify(execFile)('npx', ['--yes', `--package=${LIGHTHOUSE}`, '--call', 'command -v lighthouse']);
  return stdout.trim();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
