/** Letters with the same meaning in a search, which Unicode does not decompose. */
const SAME: Readonly<Record<string, string>> = {
  'ٱ': 'ا', 'ى': 'ي', 'ی': 'ي', 'ة': 'ه', 'ک': 'ك', 'ـ': '',
  'ς': 'σ', 'ø': 'o', 'ł': 'l', 'đ': 'd', 'ı': 'i', 'ß': 'ss', 'æ': 'ae', 'œ': 'oe',
};
const LETTERS = new RegExp(`[${Object.keys(SAME).join('')}]`, 'g');

/** Accents, and the vowel marks of Arabic and Hebrew. In other scripts, marks are letters. */
const MARKS = /[\u{300}-\u{36F}]|(?=\p{Mark})[\p{Script_Extensions=Arabic}\p{Script=Hebrew}]/gu;

/** A text to compare with others, without case, accents and vowel marks. */
export function folded(text: string): string {
  return text.normalize('NFKD').toLowerCase().replaceAll(MARKS, '').replaceAll(LETTERS, (letter) => SAME[letter] ?? letter);
}

/** Characters with a meaning in regular expressions. */
const SYNTAX = /[\\^$.*+?()[\]{}|/]/g;

/**
 * Returns a function that checks whether each word of a query is the beginning of a word of a folded text. The Arabic article
 * can be left out.
 */
export function wordMatcher(query: string): (text: string) => boolean {
  const words = folded(query).split(/\s+/).filter(Boolean);
  const patterns = words.map(
    (word) => new RegExp(`(?<![\\p{Letter}\\p{Number}\\p{Mark}])(?:ال)?${word.replaceAll(SYNTAX, '\\$&')}`, 'u'),
  );
  return (text) => patterns.length > 0 && patterns.every((pattern) => pattern.test(text));
}

/** The places of a folded query in a text: the beginning and the end of each, in UTF-16 units. */
export function placesOf(query: string, text: string): [start: number, end: number][] {
  let all = '';
  const starts: number[] = [];
  let position = 0;
  for (const character of text) {
    const part = folded(character);
    all += part;
    for (let unit = 0; unit < part.length; unit += 1) {
      starts.push(position);
    }
    position += character.length;
  }
  const places: [number, number][] = [];
  for (let at = query === '' ? -1 : all.indexOf(query); at !== -1; at = all.indexOf(query, at + query.length)) {
    places.push([starts[at] ?? 0, starts[at + query.length] ?? text.length]);
  }
  return places;
}
