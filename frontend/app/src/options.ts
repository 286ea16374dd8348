import { accentColors } from './accent.ts';
import { type Config, ConfigError } from './config.ts';
import { startErrorReports } from './error-reports.ts';
import type { Language } from './texts/texts.tsx';

/** Applies the optional fields of `config.json`. Returns the language with the name of the page. Throws a `ConfigError`. */
export function applyOptions({ name, accent, logo, errorUrl }: Config, origin: string, language: Language): Language {
  const { style } = document.documentElement;
  if (accent !== null) {
    for (const [variable, color] of Object.entries(accentColors(accent))) {
      style.setProperty(variable, color);
    }
  }
  if (logo !== null) {
    const url = logoUrl(logo, origin);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(
      `.cruddur:not(#a#b) .cruddur-mark { background: url(${JSON.stringify(url)}) center / contain no-repeat; > * { display: none } }`,
    );
    document.adoptedStyleSheets.push(sheet);
    const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
    icon?.removeAttribute('type');
    icon?.setAttribute('href', url);
  }
  if (errorUrl !== null) {
    startErrorReports(errorUrl);
  }
  return name === null ? language : withName(language, name);
}

/** The address of the logo. The policy of the page allows no other origins. */
function logoUrl(logo: string, origin: string): string {
  const url = URL.canParse(logo, origin) ? new URL(logo, origin) : null;
  if (url === null || (url.origin !== origin && !logo.startsWith('data:image/'))) {
    throw new ConfigError(`config.json: "logo" must be at the origin of the page: ${logo}`);
  }
  return url.href;
}

function withName(language: Language, name: string): Language {
  const { texts } = language;
  return { ...language, texts: { ...texts, text: (key, values) => (key === 'app' ? name : texts.text(key, values)) } };
}
