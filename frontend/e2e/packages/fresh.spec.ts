import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from '../test.ts';
import { Site } from './site.ts';

/** A new Vite app with both packages and the code of their READMEs, made by .ci/real/packages. */
const APP = process.env['FRESH_APP'] ?? '';

test('the code of the React README sends and receives messages', async ({ page, stack }) => {
  const site = await Site.start(APP, stack.url);
  await page.goto(site.url);
  await page.getByRole('button', { name: 'Scarlett Ho' }).click();
  const field = page.getByRole('textbox', { name: 'Message to Scarlett Ho' });
  await expect(field).toBeFocused();
  await field.fill('Hello from a new app!');
  await field.press('Enter');
  const own = page.locator('.cruddur-message').filter({ hasText: 'Hello from a new app!' });
  await expect(own.getByText('Sent', { exact: true })).toBeAttached();
  const scarlett = await stack.api('scarlett');
  await scarlett.send({ handle: 'sunyoung' }, 'Welcome!');
  await expect(page.locator('.cruddur-message').filter({ hasText: 'Welcome!' })).toBeVisible();
  // The app's bundler has transformed the styles.
  await expect(own.locator('.cruddur-bubble')).toHaveCSS('background-color', 'rgb(91, 63, 196)');
  await page.screenshot({ path: 'e2e/screenshots/fresh-app.png' });
  const [group] = (await (await scarlett.fetch('/api/message_groups')).json()) as { uuid: string }[];
  const stored = await scarlett.messages(group?.uuid ?? '');
  expect(stored.slice(-2).map(({ message }) => message)).toEqual(['Hello from a new app!', 'Welcome!']);
  await site.stop();
});

test('the code of the client README sends and receives messages in Node', async ({ stack }) => {
  const code = await readFile(`${APP}/readme-1.mjs`, 'utf8');
  expect(code).toContain('http://127.0.0.1:4567');
  await writeFile(`${APP}/readme.mjs`, code.replaceAll('127.0.0.1:4567', new URL(stack.url).host));
  const child = spawn(process.execPath, ['readme.mjs'], { cwd: APP });
  let output = '';
  const onData = (data: Buffer) => {
    output += data.toString();
  };
  child.stdout.on('data', onData);
  child.stderr.on('data', onData);
  await expect.poll(() => output).toContain('Hello from Node!\n');
  expect(output).toContain('@scarlett: ');
  await (await stack.api('scarlett')).send({ handle: 'sunyoung' }, 'Hello to Node!');
  await expect.poll(() => output).toContain('Hello to Node!\n');
  child.kill();
});
