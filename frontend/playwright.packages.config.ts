import { defineConfig } from '@playwright/test';
import everything from './playwright.config.ts';

/** The packages in pages other than the app. .ci/real/packages prepares them. */
export default defineConfig({ ...everything, testDir: 'e2e/packages', testIgnore: [] });
