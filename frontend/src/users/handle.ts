/** What a person types as a handle: without white space around it and without the `@`. */
export function typedHandle(text: string): string {
  return text.trim().replace(/^@/, '');
}

/** Whether this can be anybody's handle. */
export function isHandle(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,30}$/.test(text);
}

/** Handles are compared without case, as ASCII. */
export function sameHandle(a: string, b: string): boolean {
  return foldHandle(a) === foldHandle(b);
}

/** The one spelling of a handle under which things are kept. */
export function foldHandle(handle: string): string {
  return handle.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** One or two letters for a picture: of the first and the last word. */
export function initials(displayName: string): string {
  const words = displayName.split(/\p{White_Space}+/u).filter((word) => word !== '');
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words;
  return picked
    .map((word) => (word === undefined ? '' : firstCharacter(word)))
    .join('')
    .toLocaleUpperCase('en-GB');
}

/** A colour's angle that is always the same for a handle. */
export function hue(handle: string): number {
  let hash = 2166136261;
  for (const letter of foldHandle(handle)) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16777619);
  }
  // Without this, handles that differ in the last letter alone would look alike.
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}

const segmenter = new Intl.Segmenter('en-GB', { granularity: 'grapheme' });

function firstCharacter(word: string): string {
  for (const { segment } of segmenter.segment(word)) {
    return segment;
  }
  return '';
}
