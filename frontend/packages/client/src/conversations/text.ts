/** The limit of a message, in Unicode scalar values. */
export const MAX_LENGTH = 1024;
/** The length from which the page shows the characters left. */
export const COUNTDOWN_FROM = 924;

/** The length of a text in Unicode scalar values, as the server counts it. */
export function scalars(text: string): number {
  let count = 0;
  for (const _ of text) {
    count += 1;
  }
  return count;
}

/** Whether a text is white space only, by the Unicode property that the server uses. */
export function isBlank(text: string): boolean {
  return /^\p{White_Space}*$/u.test(text);
}

/** Replaces unpaired surrogates: the server rejects them in JSON. */
export function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, '\u{FFFD}');
}

/** Whether the server accepts the text. A scalar value has at most two UTF-16 units. */
export function isSendable(text: string): boolean {
  return text.length <= 2 * MAX_LENGTH && scalars(text) <= MAX_LENGTH && !isBlank(text);
}

const RIGHT_TO_LEFT =
  /^\P{Letter}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}]/u;

/**
 * The `dir` of a field with this text. With `auto`, Chromium lays out a text of a megabyte for seconds after each key, so a
 * long text gets the direction of its first letter.
 */
export function directionOf(text: string): 'auto' | 'ltr' | 'rtl' {
  if (text.length <= 4 * MAX_LENGTH) {
    return 'auto';
  }
  return RIGHT_TO_LEFT.test(text.slice(0, MAX_LENGTH)) ? 'rtl' : 'ltr';
}

/**
 * The characters left before the limit; negative beyond it. Counts UTF-16 units far beyond the limit, since counting scalar
 * values after each key is slow.
 */
export function charactersLeft(text: string): number {
  return MAX_LENGTH - (text.length <= 10 * MAX_LENGTH ? scalars(text) : text.length);
}
