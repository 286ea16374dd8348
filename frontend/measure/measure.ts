import { type BrowserContext, type ElementHandle, type Page, expect, test as base } from '@playwright/test';
import { Stack } from '../e2e/stack.ts';
import { composer, inbox, signInAs } from '../e2e/test.ts';
import { Lists, type Size } from './lists.ts';
import { ROWS, type Row } from './rows.ts';

export { expect } from '@playwright/test';
export type { Page } from '@playwright/test';

/** Every value is the median of this many repetitions. */
export const REPETITIONS = 5;

const USER = 'sunyoung';

type StorageState = Awaited<ReturnType<BrowserContext['storageState']>>;

interface Fixtures {
  /** Adds rows to the table. */
  report: (...rows: Row[]) => Promise<void>;
  /** A window without cache. `signedIn` gives it a session. */
  open: (signedIn?: boolean) => Promise<Page>;
  /** A signed-in window at a path, with generated lists. */
  openLists: (lists: OpenLists) => Promise<Opened>;
}

interface WorkerFixtures {
  stack: Stack;
  session: StorageState;
}

interface OpenLists extends Size {
  /** The conversation at the top of the inbox by default. */
  path?: string;
  /** Runs in the page before its scripts. */
  init?: () => void;
}

export interface Opened {
  page: Page;
  lists: Lists;
}

export const test = base.extend<Fixtures, WorkerFixtures>({
  stack: [
    // oxlint-disable-next-line no-empty-pattern
    async ({}, use) => {
      const stack = await Stack.start(6 * 3600);
      await use(stack);
      await stack.stop();
    },
    { scope: 'worker' },
  ],
  session: [
    async ({ browser, stack }, use) => {
      const context = await browser.newContext({ baseURL: stack.url });
      const page = await context.newPage();
      await page.goto('/messages');
      await signInAs(page, USER);
      await use(await context.storageState({ indexedDB: true }));
      await context.close();
    },
    { scope: 'worker' },
  ],
  // oxlint-disable-next-line no-empty-pattern
  report: async ({}, use, info) => {
    await use((...rows) => info.attach(ROWS, { body: JSON.stringify(rows), contentType: 'application/json' }));
  },
  open: async ({ browser, session, stack }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (signedIn = true) => {
      const options = { baseURL: stack.url, ...(signedIn && { storageState: session }) };
      const context = await browser.newContext(options);
      contexts.push(context);
      return await context.newPage();
    });
    await Promise.all(contexts.map((context) => context.close()));
  },
  openLists: async ({ open, stack }, use) => {
    await use(async ({ path, init, ...size }) => {
      const page = await open();
      if (init !== undefined) {
        await page.addInitScript(init);
      }
      const me = await (await stack.api(USER)).fetch('/api/me');
      const lists = await Lists.serve(page, await me.json(), size);
      await page.goto(path ?? `/messages/${lists.group}`);
      await expect(inbox(page).getByRole('link').first()).toBeVisible();
      return { page, lists };
    });
  },
});

/** Waits until the open conversation can be scrolled. Returns its scrolling element. */
export async function conversationBox(page: Page, newestText: string): Promise<ElementHandle<Element>> {
  await expect(composer(page)).toBeVisible();
  const newest = page.getByRole('region', { name: 'Messages' }).getByText(newestText, { exact: true });
  await expect(newest).toBeInViewport();
  return await scrollingAncestor(newest.first().elementHandle());
}

/** The scrolling element of the inbox. */
export async function inboxBox(page: Page): Promise<ElementHandle<Element>> {
  return await scrollingAncestor(inbox(page).getByRole('link').first().elementHandle());
}

async function scrollingAncestor(row: Promise<ElementHandle | null>): Promise<ElementHandle<Element>> {
  const box = (await row)?.evaluateHandle((element) => {
    for (let outer = element.parentElement; outer !== null; outer = outer.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(outer).overflowY) && outer.scrollHeight > outer.clientHeight) {
        return outer;
      }
    }
    throw new Error('the list has no scrolling ancestor');
  });
  if (box === undefined) {
    throw new Error('the list has no rows');
  }
  return await box;
}

/** Waits until pending frames are painted. */
export async function painted(page: Page): Promise<void> {
  await page.evaluate(
    () => new Promise<void>((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))),
  );
}

/** Keeps a list scrolled to one end while an action runs, as a person does who wants to see more. */
export async function scrolledTo<Result>(
  end: 'top' | 'bottom',
  box: ElementHandle<Element>,
  action: () => Promise<Result>,
): Promise<Result> {
  const timer = await box.evaluate((element, to) => {
    const scroll = () => {
      element.scrollTop = to === 'top' ? 0 : element.scrollHeight;
    };
    scroll();
    return window.setInterval(scroll, 50);
  }, end);
  try {
    return await action();
  } finally {
    await box.evaluate((_, id) => window.clearInterval(id), timer);
  }
}

/** Opens a conversation of 10,000 messages and loads all of them, in large pages. */
export async function loadTenThousand({ page, lists }: Opened): Promise<ElementHandle<Element>> {
  lists.rowsPerPage = 1000;
  const box = await conversationBox(page, lists.newestText);
  await scrolledTo('top', box, () =>
    expect.poll(() => lists.loadedMessages, { timeout: 10 * 60_000 }).toBe(10_000),
  );
  await painted(page);
  return box;
}
