import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Browser, type LaunchOptions, chromium, expect } from '@playwright/test';
import { Stack } from './stack.ts';
import { openConversation, say, sentMark, signInAs, test } from './test.ts';

interface Target {
  url: string;
  init: RequestInit;
}

/** Runs in the page. Returns what each request shows: a status, or the browser's refusal. */
const attempt = async (targets: Target[]): Promise<string[]> =>
  await Promise.all(
    targets.map(async ({ url, init }) => {
      try {
        const response = await fetch(url, init);
        return `${response.status} ${await response.text()}`;
      } catch {
        return 'refused';
      }
    }),
  );

const dynamodb = (operation: string): RequestInit => ({
  method: 'POST',
  headers: {
    'x-amz-target': `DynamoDB_20120810.${operation}`,
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-date': '20261128T000000Z',
    authorization:
      'AWS4-HMAC-SHA256 Credential=a/20261128/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a',
  },
  body: '{"TableName": "cruddur-messages"}',
});

/** A browser that resolves `name` to this machine, without its own protection, which not every browser has. */
const browserWith = async (name: string, launchOptions: LaunchOptions): Promise<Browser> =>
  await chromium.launch({
    ...launchOptions,
    args: [
      ...(launchOptions.args ?? []),
      `--host-resolver-rules=MAP ${name} 127.0.0.1`,
      '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
    ],
  });

test('a page of another site reads and writes nothing on any port', async ({ launchOptions }) => {
  const stack = await Stack.start();
  // The site's own server. Its name resolves to this machine, as after DNS rebinding.
  const site = createServer((_, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
  await new Promise((resolve) => site.once('listening', resolve));
  const browser = await browserWith('evil.example', launchOptions);
  try {
    const health = (await (await fetch(`${stack.url}/local/health`)).json()) as Record<string, string>;
    const ports = [stack.url, health['dynamodb_url'] ?? '', health['database_url'] ?? ''].map(
      (url) => new URL(url.replace('postgresql:', 'http:')).port,
    );
    const token = { method: 'POST', body: '{"handle": "sunyoung"}' };
    const api = await stack.api('sunyoung');
    const inbox = async () => await (await api.fetch('/api/message_groups')).text();
    const before = await inbox();

    const targets = ['localhost', '127.0.0.1', 'evil.example'].flatMap((host) =>
      ports.flatMap((port) => {
        const base = `http://${host}:${port}`;
        return [
          { url: `${base}/`, init: {} },
          { url: `${base}/local/users`, init: {} },
          { url: `${base}/local/token`, init: token },
          { url: `${base}/api/users/@sunyoung/short`, init: {} },
          { url: `${base}/`, init: dynamodb('Scan') },
          { url: `${base}/`, init: dynamodb('DeleteTable') },
        ];
      }),
    );
    const page = await browser.newPage();
    await page.goto(`http://evil.example:${(site.address() as AddressInfo).port}/`);
    expect(await page.evaluate(attempt, targets)).toEqual(targets.map(() => 'refused'));

    // A name that resolves to the stack's own port: the page has the origin of its target.
    const port = ports[0] ?? '';
    const response = await page.goto(`http://evil.example:${port}/`);
    expect(response?.status()).toBe(403);
    const own = targets.filter(({ url }) => url.startsWith(`http://evil.example:${port}`));
    for (const seen of await page.evaluate(attempt, own)) {
      expect(seen).toMatch(/^403 the host "evil\.example/u);
    }
    expect(await inbox()).toBe(before);
  } finally {
    await browser.close();
    site.close();
    await stack.stop();
  }
});

test('a phone in the network uses the stack over plain HTTP', async ({ launchOptions }) => {
  const stack = await Stack.start(3600, ['--allow-host', 'laptop.example']);
  const browser = await browserWith('laptop.example', launchOptions);
  try {
    const page = await browser.newPage();
    await page.goto(`http://laptop.example:${new URL(stack.url).port}/messages`);
    expect(await page.evaluate(() => window.isSecureContext)).toBe(false);
    await signInAs(page, 'sunyoung');
    await openConversation(page, 'Scarlett Ho');
    await say(page, 'From my phone');
    await expect(sentMark(page, 'From my phone')).toBeAttached();
  } finally {
    await browser.close();
    await stack.stop();
  }
});
