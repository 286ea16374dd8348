import { defineConfig } from '@playwright/test';

/** The client in a real browser, on a real stack. Chromium comes from the system: CHROMIUM says where it is. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'e2e/results',
  // Every test has a stack of its own, and the machines that run this have few cores.
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  forbidOnly: true,
  reporter: [['list']],
  use: {
    browserName: 'chromium',
    viewport: { width: 1180, height: 800 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    trace: 'retain-on-failure',
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
});
