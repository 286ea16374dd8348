// A chunk of its own, for people who read Arabic.
export { ar as page } from './ar.ts';
export { ar as pages } from './pages/ar.ts';
export { ar as messages } from '@cruddur/react/texts/ar.js';
