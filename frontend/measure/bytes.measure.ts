import { readFile, readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import budgets from '../budgets.json' with { type: 'json' };
import { clientFolder } from '../e2e/stack.ts';
import { expect, test } from './measure.ts';
import { row } from './rows.ts';

const TYPES = new Set(['.html', '.js', '.css', '.json']);
const later: readonly string[] = budgets.loaded_later;

/** An upper bound that needs no browser: all built files except those that `loaded_later` names by the start of their path. */
test('bytes', async ({ report }) => {
  const dist = join(clientFolder, 'dist');
  const names = await readdir(dist, { recursive: true });
  const shell = names.filter((name) => TYPES.has(extname(name)) && !later.some((start) => name.startsWith(start)));
  expect(shell).toContain('index.html');
  const sizes = await Promise.all(shell.map(async (name) => brotliCompressSync(await readFile(join(dist, name))).length));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  await report(row('brotli: built files', bytes, 'bytes', 'app_shell_brotli_bytes'));
});
