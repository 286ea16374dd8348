import type { EmojiData } from 'frimousse';
import { folded, wordMatcher } from '../texts/matching.ts';
import { COMMON_EMOJI } from './emoji-common.ts';

type Emojis = EmojiData['emojis'];

/** The most emoji that a search finds. */
const MAX_FOUND = 80;

/**
 * The emoji of which each word of a query begins a word of the name or the tags, best match first: the emoji or the name itself,
 * common emoji by their name, names that begin with the query, a tag itself, other names, and other tags.
 */
export function findEmoji(emojis: Emojis, query: string): Emojis {
  const wanted = folded(query.trim());
  const matches = wordMatcher(query);
  const ranks: [Emojis, Emojis, Emojis, Emojis, Emojis, Emojis] = [[], [], [], [], [], []];
  for (const emoji of emojis) {
    const name = folded(emoji.label);
    if (name === wanted || emoji.emoji === query.trim()) {
      ranks[0].push(emoji);
    } else if (matches(name) && COMMON_EMOJI.includes(emoji.emoji)) {
      ranks[1].push(emoji);
    } else if (name.startsWith(wanted)) {
      ranks[2].push(emoji);
    } else if (emoji.tags.some((tag) => folded(tag) === wanted)) {
      ranks[3].push(emoji);
    } else if (matches(name)) {
      ranks[4].push(emoji);
    } else if (matches(folded([name, ...emoji.tags].join(' ')))) {
      ranks[5].push(emoji);
    }
  }
  return ranks.flat().slice(0, MAX_FOUND);
}
