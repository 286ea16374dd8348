import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ['@cruddur/source', 'module', 'browser', 'development'] },
  test: {
    include: ['{packages/*,app}/src/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://localhost:3000' } },
    setupFiles: 'app/src/testing/setup.ts',
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
