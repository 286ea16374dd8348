import { type Catalog as MessagesCatalog, createTexts, type Texts } from '@cruddur/react';
import { createContext, useContext } from 'react';
import type { Problem } from '../auth/problem.ts';
import { type Catalog, en, type TextKey } from './en.ts';
import type { PagesCatalog } from './pages/en.ts';

/** A language of the page. */
export interface Language {
  texts: Texts<TextKey>;
  /** The texts of the components; undefined for English. */
  messages: MessagesCatalog | undefined;
  /** The texts of the pages around the messages; undefined for English. */
  pages: PagesCatalog | undefined;
  direction: 'ltr' | 'rtl';
}

/** The languages other than English, by their BCP 47 language. */
const TRANSLATIONS: Record<string, () => Promise<{ page: Catalog; pages: PagesCatalog; messages: MessagesCatalog }>> = {
  ar: () => import('./arabic.ts'),
};

const RIGHT_TO_LEFT = new Set(['ar']);

/** English in the person's variant of it. */
export function english(languages: readonly string[] = []): Language {
  const locale = languages.find((tag) => languageOf(tag) === 'en') ?? 'en';
  return { texts: createTexts(en, locale), messages: undefined, pages: undefined, direction: 'ltr' };
}

/** The first of the person's languages that the page has. Falls back to English if the texts can't be loaded. */
export async function loadLanguage(languages: readonly string[]): Promise<Language> {
  const locale = languages.find((tag) => languageOf(tag) === 'en' || Object.hasOwn(TRANSLATIONS, languageOf(tag)));
  const language = languageOf(locale ?? 'en');
  try {
    const catalogs = await TRANSLATIONS[language]?.();
    if (locale !== undefined && catalogs !== undefined) {
      const direction = RIGHT_TO_LEFT.has(language) ? 'rtl' : 'ltr';
      const { page, pages, messages } = catalogs;
      return { texts: createTexts(page, locale), messages, pages, direction };
    }
  } catch {
    // Offline, or the page was replaced by a newer version.
  }
  return english(languages);
}

function languageOf(tag: string): string {
  return tag.toLowerCase().split('-')[0] ?? '';
}

const LanguageContext = createContext<Language>(english());

export const LanguageProvider = LanguageContext;

export const useLanguage = (): Language => useContext(LanguageContext);
export const usePageTexts = (): Texts<TextKey> => useContext(LanguageContext).texts;

export function problemText(text: Texts<TextKey>['text'], problem: Problem): string {
  return 'key' in problem ? text(problem.key, problem.values) : problem.description;
}
