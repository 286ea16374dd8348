import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The policy of the built page. The API and the issuer can be at any https origin; http is for local stacks. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ');

/** Only in builds: the development server injects inline scripts. */
const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: CONTENT_SECURITY_POLICY },
      injectTo: 'head-prepend',
    },
  ],
};

// The issuer builds URLs from the `Host` header, so the proxy must not change it.
const stack = { target: 'http://127.0.0.1:4567', changeOrigin: false };

export default defineConfig({
  plugins: [react(), contentSecurityPolicy],
  build: { target: 'es2022' },
  server: { proxy: { '/api': stack, '/local': stack } },
  preview: { proxy: { '/api': stack, '/local': stack } },
  test: {
    include: ['src/**/*.test.{ts,tsx}'],
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://localhost:3000' } },
    setupFiles: 'src/testing/setup.ts',
    restoreMocks: true,
    testTimeout: 20_000,
  },
});
