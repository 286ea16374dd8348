import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { t, test } from './test.ts';

/** Playwright drives only its own build of Firefox. Installed by npx into npm's cache: `npm ci` has to stay fast for `cargo run`. */
const PUPPETEER = 'puppeteer-core@24.43.1';

/** What is used of Puppeteer. */
interface Browser {
  createBrowserContext: () => Promise<{ newPage: () => Promise<Page> }>;
  close: () => Promise<void>;
}

interface Page {
  setViewport: (size: { width: number; height: number }) => Promise<void>;
  goto: (url: string) => Promise<unknown>;
  /** Gives the window the focus. Firefox paints no others. */
  bringToFront: () => Promise<void>;
  locator: (selector: string) => { click: () => Promise<void>; fill: (text: string) => Promise<void>; wait: () => Promise<unknown> };
  keyboard: { press: (key: string) => Promise<void>; type: (text: string) => Promise<void> };
  waitForFunction: (body: string, options?: { timeout: number }) => Promise<unknown>;
  screenshot: (options: { path: string }) => Promise<unknown>;
}

test('two people write to each other in Firefox', async ({ stack }) => {
  const firefox = await launch();
  try {
    const sunyoung = await signIn(firefox, `${stack.url}/messages`, 'sunyoung');
    const scarlett = await signIn(firefox, `${stack.url}/messages`, 'scarlett');
    await sunyoung.locator('nav ::-p-text(Scarlett Ho)').click();
    await scarlett.locator('nav ::-p-text(Sunyoung Lee)').click();
    await say(sunyoung, 'Written in Firefox');
    await shows(scarlett, 'Written in Firefox');
    await say(scarlett, 'And answered');
    await shows(sunyoung, 'And answered');
    await shows(scarlett, t('message.seen'));

    await sunyoung.bringToFront();
    await sunyoung.locator('.cruddur-composer textarea').click();
    await sunyoung.keyboard.press('ArrowUp');
    await sunyoung.keyboard.type(', and corrected');
    await sunyoung.keyboard.press('Enter');
    await shows(scarlett, 'Written in Firefox, and corrected');

    await sunyoung.bringToFront();
    await sunyoung.setViewport({ width: 390, height: 844 });
    await sunyoung.locator(named('link', t('conversation.back'))).click();
    await sunyoung.locator(named('combobox', t('start.field'))).fill('lore');
    await sunyoung.locator(`::-p-text(Lore Winters)`).click();
    await say(sunyoung, 'Hello, Lore');
    await sunyoung.waitForFunction(String.raw`/messages\/[0-9a-f-]{36}$/.test(location.pathname)`);
    await sunyoung.screenshot({ path: 'e2e/screenshots/firefox-phone.png' });
    await scarlett.screenshot({ path: 'e2e/screenshots/firefox.png' });
  } finally {
    await firefox.close();
  }
});

async function launch(): Promise<Browser> {
  const print = 'node --print "process.env.PATH.split(path.delimiter)[0]"';
  const { stdout } = await promisify(execFile)('npx', ['--yes', `--package=${PUPPETEER}`, '--call', print]);
  const folder = join(stdout.trim(), '..', 'puppeteer-core', 'lib', 'esm', 'puppeteer', 'puppeteer-core.js');
  const { default: puppeteer } = (await import(folder)) as { default: { launch: (options: object) => Promise<Browser> } };
  return await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env['FIREFOX'] ?? '/usr/bin/firefox-esr',
    extraPrefsFirefox: { 'intl.accept_languages': 'en-GB' },
  });
}

async function signIn(firefox: Browser, url: string, handle: string): Promise<Page> {
  const page = await (await firefox.createBrowserContext()).newPage();
  await page.setViewport({ width: 1180, height: 800 });
  await page.goto(url);
  await page.locator(named('button', t('welcome.signIn'))).click();
  await page.locator(`::-p-text(@${handle})`).click();
  await page.locator(`nav[aria-label="${t('inbox.label')}"]`).wait();
  return page;
}

async function say(page: Page, text: string): Promise<void> {
  await page.bringToFront();
  await page.locator('.cruddur-composer textarea').fill(text);
  await page.keyboard.press('Enter');
}

/** Waits for a text in the open conversation. */
async function shows(page: Page, text: string): Promise<void> {
  await page.bringToFront();
  const found = `document.querySelector('#conversation .cruddur-message-box')?.innerText.includes(${JSON.stringify(text)})`;
  await page.waitForFunction(found, { timeout: 15_000 });
}

const named = (role: string, name: string) => `::-p-aria([name="${name}"][role="${role}"])`;
