import { type BrowserContextOptions, type Locator, type Page, test as base, expect } from '@playwright/test';
import { ar as arabicPage } from '../app/src/texts/ar.ts';
import { en as englishPage } from '../app/src/texts/en.ts';
import { ar as arabicPages } from '../app/src/texts/pages/ar.ts';
import { en as englishPages } from '../app/src/texts/pages/en.ts';
import { ar as arabicMessages } from '../packages/react/src/texts/ar.ts';
import { en as englishMessages } from '../packages/react/src/texts/catalog.ts';
import { createTexts } from '../packages/react/src/texts/texts.ts';
import { Stack } from './stack.ts';

export { expect } from '@playwright/test';
export type { Page } from '@playwright/test';

interface Fixtures {
  /** In seconds. */
  accessTokenLifetime: number;
  stack: Stack;
  /** Opens a window in its own browser context, signed in as a demo user. */
  signIn: (handle: string, options?: BrowserContextOptions) => Promise<Page>;
}

export const test = base.extend<Fixtures>({
  accessTokenLifetime: [3600, { option: true }],
  stack: async ({ accessTokenLifetime, browser }, use) => {
    const stack = await Stack.start(accessTokenLifetime);
    await use(stack);
    // Pages without a stack would try to connect for the rest of the run.
    await Promise.all(browser.contexts().map((context) => context.close()));
    await stack.stop();
  },
  signIn: async ({ browser, stack }, use) => {
    await use(async (handle, options = {}) => {
      const context = await browser.newContext({ baseURL: stack.url, ...options });
      const page = await context.newPage();
      await page.goto('/messages');
      await signInAs(page, handle);
      return page;
    });
  },
});

const LANGUAGES = {
  en: createTexts({ ...englishPage, ...englishPages, ...englishMessages }, 'en-GB'),
  ar: createTexts({ ...arabicPage, ...arabicPages, ...arabicMessages }, 'ar'),
};

/** The page's text of a key, in the language of the project. */
export const t: typeof LANGUAGES.en.text = (key, values) =>
  LANGUAGES[test.info().project.name === 'ar' ? 'ar' : 'en'].text(key, values);

export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** Signs in from the welcome page through the issuer's page. */
export async function signInAs(page: Page, handle: string, onlyHere = false): Promise<void> {
  await page.getByRole('checkbox', { name: t('welcome.onlyHere') }).setChecked(onlyHere);
  await page.getByRole('button', { name: t('welcome.signIn') }).click();
  await page.getByRole('button', { name: `@${handle}` }).click();
  await expect(inbox(page)).toBeVisible();
}

export const inbox = (page: Page) => page.getByRole('navigation', { name: t('inbox.label') });

/** A page, or the part of an embedding page that shows a user's conversations. */
type View = Page | Locator;

/** The text field of the open conversation. */
export const composer = (view: View) => view.getByRole('textbox', { name: t('composer.field', { name: '' }).replace(/[\u2068\u2069]+$/, '').trim() });

/** The shown messages, oldest first. */
export const messages = (view: View) => view.locator('.cruddur-message');

export const message = (view: View, text: string) => messages(view).filter({ hasText: text });

export async function openConversation(page: Page, name: string): Promise<void> {
  await inbox(page).getByRole('link', { name }).click();
  await expect(composer(page)).toBeVisible();
}

/** The text below a message which says that the server has stored it, or that the other member has seen it. */
export const status = (view: View, text: string, key: 'message.sent' | 'message.seen') =>
  message(view, text).getByText(t(key), { exact: true });

/** The mark of a message that the server has stored, whether or not the other member has seen it. */
export const sentMark = (view: View, text: string) => status(view, text, 'message.sent').or(status(view, text, 'message.seen'));

/** Sends a message by Enter, or on phones by the button. */
export async function say(view: View, text: string): Promise<void> {
  const field = composer(view);
  await field.fill(text);
  if (await field.evaluate(() => matchMedia('(hover: none) and (pointer: coarse)').matches)) {
    await view.getByRole('button', { name: t('composer.send'), exact: true }).click();
  } else {
    await field.press('Enter');
  }
}

/** Opens the menu of a message by a right click. */
export async function openMenu(view: View, text: string): Promise<void> {
  await message(view, text).locator('.cruddur-bubble > p').click({ button: 'right' });
  await expect(view.getByRole('menu', { name: t('menu.label') })).toBeVisible();
}

/** Marks the window; a reload removes the mark. */
export async function mark(page: Page): Promise<void> {
  await page.evaluate(() => Object.assign(window, { marked: true }));
}

export const isMarked = (page: Page) => page.evaluate(() => 'marked' in window);

/** Reloads the open conversation with malformed times, which the page fails to render, and opens the recovery options. */
export async function breakConversation(page: Page): Promise<void> {
  await page.route(/api\/messages\/[0-9a-f-]+\?/, async (route) => {
    const response = await route.fetch();
    const rows = (await response.json()) as object[];
    await route.fulfill({ json: rows.map((row) => Object.assign(row, { created_at: 'never' })) });
  });
  await page.reload();
  await expect(page.getByRole('heading', { name: t('fault.partTitle') })).toBeVisible();
  await page.getByText(t('fault.more')).click();
}
