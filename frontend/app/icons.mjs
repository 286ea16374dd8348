// Makes the PNG icons from public/favicon.svg: `npm run icons --workspace app`. CHROMIUM is the path of a browser.
import { readFile } from 'node:fs/promises';
import { chromium } from '@playwright/test';

/** `share` is the size of the drawing in the icon. Icons with a background may lose their corners. */
const ICONS = [
  { name: 'icon-180', size: 180, share: 0.66, background: '#fff' },
  { name: 'icon-192', size: 192, share: 1, background: 'transparent' },
  { name: 'icon-512', size: 512, share: 1, background: 'transparent' },
  { name: 'icon-maskable-512', size: 512, share: 0.56, background: '#fff' },
];

const folder = new URL('public/', import.meta.url);
const drawing = await readFile(new URL('favicon.svg', folder), 'base64');
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
await Promise.all(
  ICONS.map(async ({ name, size, share, background }) => {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(
      `<body style="margin: 0; display: grid; place-items: center; height: 100vh; background: ${background}">
        <img src="data:image/svg+xml;base64,${drawing}" style="inline-size: ${100 * share}%; block-size: ${100 * share}%">`,
    );
    await page.locator('img').evaluate((image) => image.decode());
    await page.screenshot({ path: new URL(`${name}.png`, folder).pathname, omitBackground: true });
  }),
);
await browser.close();
