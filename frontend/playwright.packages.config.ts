import { defineConfig } from '@playwright/test';
import everything from './playwright.config.ts';

const { projects: _, ...config } = everything;

/** The packages in pages other than the app, in English. .ci/real/packages prepares them. */
export default defineConfig({
  ...config,
  testDir: 'e2e/packages',
  testIgnore: [],
  use: { ...config.use, locale: 'en-GB' },
});
