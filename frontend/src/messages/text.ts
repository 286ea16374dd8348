/** How many Unicode scalar values a message may have. */
export const LONGEST = 1024;
/** From how many on the page counts along. */
export const NEARLY = 924;

/** The length as the server counts it. */
export function scalars(text: string): number {
  let count = 0;
  for (const _ of text) {
    count += 1;
  }
  return count;
}

/** Whether there is nothing but white space, by the property that the server goes by. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text);
}

/** The text with halves of surrogate pairs replaced: they are no Unicode, and no JSON that the server reads. */
export function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}');
}

/** Whether the server would take the text. What has twice the units has more characters, however they are made up. */
export function isSendable(text: string): boolean {
  return text.length <= 2 * LONGEST && scalars(text) <= LONGEST && !isBlank(text);
}

const RIGHT_TO_LEFT =
  /^\P{Letter}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * The direction of the field with a text. The browser finds it for each paragraph, which takes it seconds with every letter
 * of a very long text: there the first letters say it for the whole.
 */
export function directionOf(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length <= 4 * LONGEST) {
    return 'auto';
  }
  return RIGHT_TO_LEFT.test(text.slice(0, LONGEST)) ? 'rtl' : 'ltr';
}

/**
 * How many characters are left, negative when there are too many. Far beyond the limit, where nobody counts and where
 * counting takes time with every letter, halves of pairs count as well.
 */
export function charactersLeft(text: string): number {
  return LONGEST - (text.length <= 10 * LONGEST ? scalars(text) : text.length);
}
