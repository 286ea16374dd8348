/** The person's choice; empty to follow the device. */
export type Theme = '' | 'light' | 'dark';

/** The localStorage key. The theme belongs to the browser, not to a person. */
export const THEME_KEY = 'cruddur.theme';

/** Shows the page, and the browser's bars around it, in a theme. */
export function applyTheme(theme: Theme): void {
  document.documentElement.style.colorScheme = theme;
  // index.html has a color for each theme, the light one first.
  document.querySelectorAll<HTMLMetaElement>('[name=theme-color]').forEach((color, index) => {
    const own = index === 0 ? 'light' : 'dark';
    color.media = theme ? (theme === own ? 'all' : 'not all') : `(prefers-color-scheme: ${own})`;
  });
}
