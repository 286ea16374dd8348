/** Marks on one letter that are kept: no script stacks more, and a hundred of them cover the lines around. */
const MARKS = /(\p{Mark}{4})\p{Mark}+/gu;

/**
 * Characters that can't be seen but change what can: bidirectional and other controls, zero-width and filler characters,
 * tags. Joiners and variation selectors are not among them, since emoji and several scripts are written with them.
 */
const UNSEEN = /(?!\u{200C}|\u{200D}|[\u{FE00}-\u{FE0F}])[\p{Default_Ignorable_Code_Point}\u{FFF9}-\u{FFFB}]/gu;

/** White space, controls, and letters that look like space. */
const SPACE = /[\p{White_Space}\p{Control}\u{2800}]+/gu;

/** Something that can be seen. */
const VISIBLE = /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Mark}]/u;

/** A text of one line without what can't be seen: nothing in it acts on the text around it. */
export function plainLine(text: string): string {
  return text.replaceAll(UNSEEN, '').replaceAll(SPACE, ' ').replaceAll(MARKS, '$1').trim();
}

/** A user's name as the page shows it: the display name, or the handle if there is nothing to see in that. */
export function shownName(displayName: string, handle: string): string {
  const name = plainLine(displayName);
  return VISIBLE.test(name) ? name : `@${handle}`;
}

/** One or two letters for a picture: of the first and the last word. */
export function initials(displayName: string): string {
  const words = plainLine(displayName).split(' ').filter((word) => VISIBLE.test(word));
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked
    .map((word) => (word === undefined ? '' : firstCharacter(word)))
    .join('')
    .toLocaleUpperCase('en-GB');
}

/** Code points of a letter in a picture; a family of four with skin tones has eleven. */
const LONGEST_CHARACTER = 12;

const segmenter = new Intl.Segmenter('en-GB', { granularity: 'grapheme' });

function firstCharacter(word: string): string {
  for (const { segment } of segmenter.segment(word.slice(0, 100))) {
    if (VISIBLE.test(segment)) {
      return [...segment].slice(0, LONGEST_CHARACTER).join('');
    }
  }
  return '';
}
