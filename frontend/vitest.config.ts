import react from '@vitejs/plugin-react';
import { defaultClientConditions, defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  resolve: { conditions: ['@cruddur/source', ...defaultClientConditions] },
  ssr: { resolve: { conditions: ['@cruddur/source', ...defaultServerConditions] } },
  test: {
    include: ['{packages/*,app}/src/**/*.test.{ts,tsx}', 'packages/*/tests/**/*.test.ts'],
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://localhost:3000' } },
    setupFiles: 'app/src/testing/setup.ts',
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
