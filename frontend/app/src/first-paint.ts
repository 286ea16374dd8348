import { type Theme, applyTheme, THEME_KEY } from './theme.ts';

// A script of its own: modules run after the first paint.
try {
  // Browsers ignore a value that is not a theme.
  applyTheme((localStorage.getItem(THEME_KEY) ?? '') as Theme);
} catch {
  // The browser denies the storage.
}
