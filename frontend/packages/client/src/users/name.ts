/** More than four combining marks on a letter. No script needs them, and a stack of them covers the lines around it. */
const MARKS = /(\p{Mark}{4})\p{Mark}+/gu;

/**
 * Invisible characters: bidirectional controls, zero-width and filler characters, tags. Joiners and variation selectors
 * are kept, because emoji and several scripts need them.
 */
const INVISIBLE = /(?!\u{200C}|\u{200D}|[\u{FE00}-\u{FE0F}])[\p{Default_Ignorable_Code_Point}\u{FFF9}-\u{FFFB}]/gu;

/** White space, control characters, and the blank Braille pattern. */
const SPACE = /[\p{White_Space}\p{Control}\u{2800}]+/gu;

/** A visible character. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Mark}]/u;

/** The text on one line, without invisible characters and with at most four marks on a letter. */
export function plainLine(text: string): string {
  return text.replaceAll(INVISIBLE, '').replaceAll(SPACE, ' ').replaceAll(MARKS, '$1').trim();
}

/** The name to show for a user: the display name, or the handle if the display name has no visible character. */
export function shownName(displayName: string, handle: string): string {
  const name = plainLine(displayName);
  return VISIBLE.test(name) ? name : `@${handle}`;
}

/** Letters of scripts that join them: without a non-joiner, two initials would look like a word. */
const JOINING = /[\p{Script=Arabic}\p{Script=Syriac}\p{Script=Mongolian}]/u;

/** The first letters of the first and the last word, for an avatar. */
export function initials(displayName: string): string {
  const words = plainLine(displayName).split(' ').filter((word) => VISIBLE.test(word));
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  const letters = picked.map((word) => (word === undefined ? '' : firstCharacter(word)));
  return letters
    .join(letters.every((letter) => JOINING.test(letter)) ? '\u200C' : '')
    .toLocaleUpperCase();
}

/** The longest character of an avatar, in code points. An emoji of four people with skin tones has eleven. */
const MAX_CODE_POINTS = 12;

const segmenter = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

function firstCharacter(word: string): string {
  for (const { segment } of segmenter.segment(word.slice(0, 100))) {
    if (VISIBLE.test(segment)) {
      return [...segment].slice(0, MAX_CODE_POINTS).join('');
    }
  }
  return '';
}
