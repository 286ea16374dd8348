import { defineConfig } from '@playwright/test';

// See playwright.packages.config.ts.
const PACKAGES = '**/e2e/packages/**';
const FIREFOX = '**/firefox.spec.ts';
// Where neither language nor text direction matters, a second run takes minutes and finds nothing.
const ARABIC = ['accessibility', 'blocks', 'chat', 'finding', 'reading', 'requests', 'screenshots', 'settings', 'state'];

/** The client in a real browser with a local stack. CHROMIUM is the path of the system's Chromium. */
export default defineConfig({
  testDir: 'e2e',
  testIgnore: PACKAGES,
  outputDir: 'e2e/results',
  // Every test starts its own stack, and CI has few cores.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1180, height: 800 },
    timezoneId: 'Europe/Berlin',
    trace: 'retain-on-failure',
    // Playwright does not intercept the requests of a service worker. offline.spec.ts allows it.
    serviceWorkers: 'block',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
  projects: [
    { name: 'en', testIgnore: [PACKAGES, FIREFOX], use: { locale: 'en-GB' } },
    { name: 'ar', testMatch: ARABIC.map((suite) => `**/${suite}.spec.ts`), use: { locale: 'ar' } },
    { name: 'firefox', testMatch: FIREFOX },
  ],
});
