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

/**
 * How many characters are left, negative when there are too many. Far beyond the limit, where nobody counts and where
 * counting takes time with every letter, halves of pairs count as well.
 */
export function charactersLeft(text: string): number {
  return LONGEST - (text.length <= 10 * LONGEST ? scalars(text) : text.length);
}
