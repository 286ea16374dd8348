import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Locator, Page } from '@playwright/test';
import { composer, expect, message, openConversation, test as base } from '../test.ts';
import { walk } from '../walk.ts';
import { Site } from './site.ts';

const EXAMPLE = fileURLToPath(new URL('../../examples/embedded', import.meta.url));
const FOLDER = 'e2e/screenshots';

interface Fixtures {
  /** Opens the example, signed in as Sunyoung. */
  embed: (options?: BrowserContextOptions) => Promise<Page>;
}

const test = base.extend<Fixtures>({
  embed: async ({ browser, stack }, use) => {
    const site = await Site.start(EXAMPLE, stack.url);
    await use(async (options = {}) => {
      const page = await (await browser.newContext({ baseURL: site.url, ...options })).newPage();
      await page.goto('/');
      await expect(page.locator('#conversation .cruddur-message').first()).toBeVisible();
      await expect(page.locator('#messages .cruddur-group-item').first()).toBeVisible();
      return page;
    });
    await site.stop();
  },
});

/** The styles that hostile pages change most often. Sizes that depend on the panel's width are left out. */
const STYLES = [
  'animation', 'background-color', 'border', 'border-radius', 'box-shadow', 'box-sizing', 'color', 'display', 'fill', 'float',
  'font', 'letter-spacing', 'line-height', 'list-style', 'margin', 'opacity', 'padding', 'stroke', 'stroke-width', 'text-align',
  'text-decoration', 'text-indent', 'text-transform', 'word-spacing',
];

/** Elements of an open conversation and of the inbox; the last of each is compared. */
const ELEMENTS = [
  '.cruddur-conversation', '.cruddur-conversation-head', '.cruddur-conversation-head h2', '.cruddur-conversation-head .cruddur-avatar',
  '.cruddur-message-days ol', '.cruddur-message-days li', '.cruddur-own .cruddur-bubble', '.cruddur-others .cruddur-bubble',
  '.cruddur-own .cruddur-bubble p', '.cruddur-others .cruddur-bubble p', '.cruddur-message-meta time', '.cruddur-status svg',
  '.cruddur-composer', '.cruddur-composer textarea', '.cruddur-send-button', '.cruddur-send-button svg',
  '.cruddur-inbox', '.cruddur-group-list', '.cruddur-group-list ul', '.cruddur-group-list li', '.cruddur-group-item',
  '.cruddur-group-item .cruddur-avatar', '.cruddur-group-item .cruddur-name', '.cruddur-group-item .cruddur-handle',
  '.cruddur-group-time time', '.cruddur-group-text', '.cruddur-start-field', '.cruddur-start-field input',
];

/** The styles of the elements below `root`, with their `::before`. */
const stylesOf = async (root: Locator): Promise<object> =>
  await root.evaluate(
    (top, [selectors, names]) => {
      const read = (element: Element) => {
        const style = getComputedStyle(element);
        return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(name)]));
      };
      return Object.fromEntries(
        selectors.map((selector) => {
          const element = [...top.querySelectorAll(selector)].at(-1);
          if (element === undefined) {
            throw new Error(`there is no ${selector}`);
          }
          return [selector, { ...read(element), before: getComputedStyle(element, '::before').content }];
        }),
      );
    },
    [ELEMENTS, STYLES] as const,
  );

for (const colorScheme of ['light', 'dark'] as const) {
  test(`components look the same in a page with styles of its own (${colorScheme})`, async ({ embed, signIn, stack }) => {
    await (await stack.api('sunyoung')).send({ handle: 'scarlett' }, 'See you there');
    const app = await signIn('sunyoung', { colorScheme });
    await openConversation(app, 'Scarlett Ho');
    await expect(message(app, 'See you there')).toBeVisible();

    const page = await embed({ colorScheme });
    const panel = page.locator('#messages');
    await page.screenshot({ path: `${FOLDER}/embedded-${colorScheme}.png`, fullPage: true });
    await panel.getByRole('button', { name: 'Scarlett Ho' }).click();
    await expect(panel.locator('.cruddur-message').filter({ hasText: 'See you there' })).toBeVisible();
    await panel.screenshot({ path: `${FOLDER}/embedded-panel-${colorScheme}.png` });
    // Both have the focus, and no pointer above an element.
    await panel.getByRole('textbox', { name: /^Message to / }).focus();
    await composer(app).focus();
    await page.mouse.move(0, 0);
    await app.mouse.move(0, 0);
    // Colors change slowly.
    const expected = await stylesOf(app.locator('body'));
    await expect.poll(async () => await stylesOf(panel)).toEqual(expected);
    const line = panel.locator('.cruddur-send-button path');
    await expect(line).toHaveCSS('fill', 'none');
    await expect(line).toHaveCSS('stroke-width', '2px');
  });
}

test('a page changes colors, sizes and the color scheme with variables', async ({ embed }) => {
  const page = await embed({ colorScheme: 'light' });
  const panel = page.locator('#conversation');
  const bubble = panel.locator('.cruddur-own .cruddur-bubble').last();
  await expect(bubble).toHaveCSS('font-size', '16px');
  await panel.evaluate((element) => {
    element.style.setProperty('--cruddur-own', 'rgb(0, 100, 0)');
    element.style.setProperty('--cruddur-accent-fill', 'rgb(0, 80, 0)');
    element.style.setProperty('--cruddur-rem', '12px');
    element.style.setProperty('--cruddur-color-scheme', 'dark');
  });
  await expect(bubble).toHaveCSS('background-color', 'rgb(0, 100, 0)');
  await expect(bubble).toHaveCSS('font-size', '12px');
  await expect(panel.locator('.cruddur-avatar').first()).toHaveCSS('inline-size', '24px');
  await expect(panel.locator('.cruddur-conversation')).toHaveCSS('background-color', 'rgb(27, 25, 36)');
  await composer(page).fill('x');
  await expect(panel.locator('.cruddur-send-button')).toHaveCSS('background-color', 'rgb(0, 80, 0)');
  await expect(page.locator('#messages .cruddur-conversation')).toHaveCSS('background-color', 'rgb(255, 255, 255)');
});

test('a narrow panel has smaller spaces, whatever the size of the page', async ({ embed }) => {
  const page = await embed();
  const narrow = page.locator('#conversation .cruddur-message-box');
  await expect(narrow).toHaveCSS('padding-inline-start', '12px');
  await page.locator('#conversation').evaluate((panel) => {
    panel.style.maxWidth = '700px';
  });
  await expect(narrow).toHaveCSS('padding-inline-start', '24px');
});

test('two panels of one person share their messages, and the page does not scroll to them', async ({ embed, stack }) => {
  const page = await embed({ viewport: { width: 1180, height: 600 } });
  expect(await page.evaluate(() => window.scrollY)).toBe(0);
  const [left, right] = [page.locator('#conversation'), page.locator('#messages')];
  await right.getByRole('button', { name: 'Andrew Brown' }).click();
  await expect(right.getByRole('heading', { name: 'Andrew Brown' })).toBeVisible();
  await expect(left.getByRole('heading', { name: 'Scarlett Ho' })).toBeVisible();
  await right.getByRole('button', { name: 'Scarlett Ho' }).click();
  await right.getByRole('textbox', { name: /^Message to / }).fill('Once in each panel');
  await right.getByRole('textbox', { name: /^Message to / }).press('Enter');
  const sent = { hasText: 'Once in each panel' };
  await expect(left.locator('.cruddur-message').filter(sent)).toHaveCount(1);
  await expect(right.locator('.cruddur-message').filter(sent)).toHaveCount(1);
  const group = await groupOf(await stack.api('sunyoung'), 'scarlett');
  const stored = await (await stack.api('scarlett')).messages(group);
  expect(stored.filter(({ message: text }) => text === 'Once in each panel')).toHaveLength(1);
});

test('a draft outlives the page, and the search opens a conversation', async ({ embed }) => {
  const page = await embed();
  const left = page.locator('#conversation');
  await composer(page).fill('Not yet finished');
  await page.reload();
  await expect(composer(page)).toHaveValue('Not yet finished');
  const search = page.getByRole('combobox', { name: 'Search conversations and people' });
  await search.fill('lore');
  await page.getByRole('option', { name: 'Lore Winters' }).click();
  const right = page.locator('#messages');
  await expect(right.getByRole('heading', { name: 'Lore Winters' })).toBeVisible();
  await expect(left.getByRole('heading', { name: 'Scarlett Ho' })).toBeVisible();
});

test('two people do in five minutes what the components offer', async ({ browser, embed }) => {
  test.setTimeout(180_000);
  const [page, other] = [await embed(), await browser.newPage()];
  await other.goto(new URL('/?user=lore', page.url()).href);
  const sunyoung = page.locator('#messages');
  await walk(other.locator('#messages'), sunyoung, async () => {
    const row = sunyoung.getByRole('button', { name: 'Lore Winters' });
    await expect(row).toContainText('Shall we travel together?');
    await row.click();
  });
});

async function groupOf(api: { fetch: (path: string) => Promise<Response> }, handle: string): Promise<string> {
  const groups = (await (await api.fetch('/api/message_groups')).json()) as { uuid: string; handle: string }[];
  return groups.find((group) => group.handle === handle)?.uuid ?? '';
}
