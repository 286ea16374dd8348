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

/** Whether the server accepts the text. More than two UTF-16 units per allowed character are always too many. */
export function isSendable(text: string): boolean {
  return text.length <= 2 * LONGEST && scalars(text) <= LONGEST && !isBlank(text);
}

const RIGHT_TO_LEFT =
  /^\P{Letter}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * The `dir` of a field with this text. `auto` makes Chromium lay out a text of a megabyte again for seconds after each key,
 * so a long text gets the direction of its first letter.
 */
export function directionOf(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length <= 4 * LONGEST) {
    return 'auto';
  }
  return RIGHT_TO_LEFT.test(text.slice(0, LONGEST)) ? 'rtl' : 'ltr';
}

/**
 * Characters left before the limit; negative beyond it. Far beyond the limit UTF-16 units are counted, since counting
 * scalar values takes time after each key.
 */
export function charactersLeft(text: string): number {
  return LONGEST - (text.length <= 10 * LONGEST ? scalars(text) : text.length);
}
