import { expect, test } from 'vitest';
import { ar } from '../texts/ar.ts';
import { en } from '../texts/catalog.ts';
import { createTexts } from '../texts/texts.ts';
import { loadEmojiData } from '../components/emoji-choice.tsx';
import { findEmoji } from './find-emoji.ts';

test.each([
  ['a name before tags', 'en', 'roc', '🪨🚀'],
  ['the whole name first', 'en', 'Dog', '🐕🐶'],
  ['common emoji before others', 'en', 'heart', '❤️'],
  ['a whole tag before parts of names', 'en', 'wave', '👋🌊'],
  ['several words in any order', 'en', 'eyes heart', '😍'],
  ['the emoji itself first', 'en', '🚀', '🚀'],
  ['no part of a word', 'en', 'ocket', ''],
  ['a name without the article', 'ar', 'صاروخ', '🚀'],
])('a search finds %s', async (_, locale, query, found) => {
  const { emojis } = await loadEmojiData(createTexts(locale === 'ar' ? { ...en, ...ar } : en, locale));
  expect(findEmoji(emojis, query).map(({ emoji }) => emoji).join('').slice(0, found.length || undefined)).toBe(found);
});
