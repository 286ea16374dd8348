import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** What the page may load and call. The API and the issuer may be anywhere on https; http is for local stacks. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self' https: http://localhost:* http://127.0.0.1:*",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ');

/** Only in builds: the development server injects scripts of its own. */
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

// The issuer's answers name the host they were asked at, so the host must stay the page's.
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
