import { defineConfig } from '@playwright/test';
import shared from '../playwright.config.ts';

/** The measurements of the built client. The reporter compares them with `budgets.json`. */
const { projects: _, ...config } = shared;

export default defineConfig(config, {
  testDir: '.',
  testMatch: '*.measure.ts',
  outputDir: 'results/traces',
  // An unvirtualized list takes minutes.
  timeout: 20 * 60_000,
  expect: { timeout: 60_000 },
  reporter: [['list'], ['./table.ts']],
  // Traces record every request and DOM snapshot, which costs CPU in the page.
  use: { trace: 'off', locale: 'en-GB' },
});
