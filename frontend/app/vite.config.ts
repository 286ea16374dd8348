import react from '@vitejs/plugin-react';
import { type Plugin, defaultClientConditions, defineConfig } from 'vite';

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
  // The packages' sources, which need no build of their own.
  resolve: { conditions: ['@cruddur/source', ...defaultClientConditions] },
  build: { target: 'es2022', outDir: '../dist', emptyOutDir: true },
  server: { proxy: { '/api': stack, '/local': stack } },
  preview: { proxy: { '/api': stack, '/local': stack } },
});
