import { en as messages } from '@cruddur/react';
import { type MessageFormatElement, TYPE, isStructurallySame, parse } from '@formatjs/icu-messageformat-parser';
import { describe, expect, test } from 'vitest';
import * as arabic from './arabic.ts';
import { en as page } from './en.ts';
import { en as pages } from './pages/en.ts';
import { loadLanguage } from './texts.tsx';

const ENGLISH = { ...page, ...pages, ...messages };

describe.each([
  ['en', ENGLISH],
  ['ar', { ...arabic.page, ...arabic.pages, ...arabic.messages }],
] as const)('the texts in %s', (locale, texts) => {
  const english = new Map<string, string>(Object.entries(ENGLISH));
  const catalogs = Object.entries(texts).map(([key, text]) => ({ key, text }));

  test('have the arguments of the English texts', () => {
    const wrong = catalogs.filter(({ key, text }) => !isStructurallySame(parse(text), parse(english.get(key) ?? '')).success);
    expect(wrong.map(({ key }) => key)).toEqual([]);
  });

  test('have every plural form of the language', () => {
    const categories = new Intl.PluralRules(locale).resolvedOptions().pluralCategories;
    const wrong = catalogs.filter(({ text }) =>
      pluralsOf(parse(text)).some((options) => categories.some((category) => !options.includes(category))),
    );
    expect(wrong.map(({ key }) => key)).toEqual([]);
  });
});

/** The categories of each plural in a text. */
function pluralsOf(elements: readonly MessageFormatElement[]): string[][] {
  return elements.flatMap((element) => {
    switch (element.type) {
      case TYPE.plural:
      case TYPE.select: {
        const nested = Object.values(element.options).flatMap(({ value }) => pluralsOf(value));
        return element.type === TYPE.plural ? [Object.keys(element.options), ...nested] : nested;
      }
      case TYPE.tag:
        return pluralsOf(element.children);
      default:
        return [];
    }
  });
}

describe('the language', () => {
  test.each([
    [['ar-EG', 'en'], 'ar-EG', 'rtl', 'تسجيل الخروج'],
    [['fr', 'en-US', 'ar'], 'en-US', 'ltr', 'Sign out'],
    [['fr'], 'en', 'ltr', 'Sign out'],
  ])('of %j is %s', async (languages, locale, direction, text) => {
    const { texts, direction: actual } = await loadLanguage(languages);
    expect([texts.locale, actual, texts.text('signOut')]).toEqual([locale, direction, text]);
  });
});
