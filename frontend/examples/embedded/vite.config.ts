import react from '@vitejs/plugin-react';
import { defaultClientConditions, defineConfig } from 'vite';

const stack = { target: 'http://127.0.0.1:4567', changeOrigin: false };
const proxy = { '/api': stack, '/local': stack, '/ws': { ...stack, ws: true } };

export default defineConfig({
  plugins: [react()],
  // The packages' sources. A page that installs the packages leaves this out.
  resolve: { conditions: ['@cruddur/source', ...defaultClientConditions] },
  server: { proxy },
  preview: { proxy },
});
