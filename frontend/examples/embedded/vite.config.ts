import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const stack = { target: 'http://127.0.0.1:4567', changeOrigin: false };

export default defineConfig({
  plugins: [react()],
  // The packages' sources. A page that installs the packages leaves this out.
  resolve: { conditions: ['@cruddur/source', ...defaultClientConditions] },
  server: { proxy: { '/api': stack, '/local': stack } },
  preview: { proxy: { '/api': stack, '/local': stack } },
});
