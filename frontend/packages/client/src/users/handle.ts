/** `@` and its full-width and small forms. */
const AT = /^[@\u{FF20}\u{FE6B}]/u;

/** Invisible characters, which copied text often contains. */
const INVISIBLE = /[\p{Default_Ignorable_Code_Point}\p{Control}]/gu;

/** Punctuation around a handle in a sentence. No handle contains any of it. */
const OPENING = /^[\s("'<[{«‹“‘„]+/u;
const CLOSING = /[\s)"'>\]}»›”’“,;:!?…]+$/u;

/** The length after which input is ignored: longer than any address, short enough for a regular expression. */
const MAX_INPUT = 1000;

/** A link to a new conversation, with or without scheme and host. */
const LINK = /^(?:https?:\/\/|[\w.-]+(?::\d+)?\/|\/)(?:[^?#]*\/)?messages\/new\/([^/?#]*)/iu;

/**
 * Extracts the handle from typed or pasted text. Drops the `@`, invisible characters and surrounding punctuation, and takes
 * the handle out of a link to its conversation.
 */
export function typedHandle(text: string): string {
  const seen = trimmed(text.slice(0, MAX_INPUT).replaceAll(INVISIBLE, ''));
  return trimmed(trimmed(decoded(LINK.exec(seen)?.[1] ?? seen).replaceAll(INVISIBLE, '')).replace(AT, ''));
}

function trimmed(text: string): string {
  return text.replace(OPENING, '').replace(CLOSING, '');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The length of the longest handle. */
export const MAX_HANDLE_LENGTH = 30;

/** Whether the text is a valid handle. */
export function isHandle(text: string): boolean {
  return text.length <= MAX_HANDLE_LENGTH && /^[A-Za-z0-9_.-]+$/.test(text);
}

/** Compares two handles without ASCII case. Equal handles may belong to different users over time. */
export function sameHandle(a: string, b: string): boolean {
  return foldHandle(a) === foldHandle(b);
}

/** The handle in lower case (ASCII), as used in keys and paths. */
export function foldHandle(handle: string): string {
  return handle.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The path of a new conversation. `.` and `..` get an `@`: browsers resolve them as dot segments, even percent-encoded. */
export function newConversationPath(handle: string): string {
  const folded = foldHandle(handle);
  return `/messages/new/${/^\.{1,2}$/.test(folded) ? '@' : ''}${encodeURIComponent(folded)}`;
}

/** The hue of a handle's color, in degrees. */
export function hue(handle: string): number {
  let hash = 2166136261;
  for (const letter of foldHandle(handle)) {
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16777619);
  }
  // Without this, handles that differ only in the last letter would have similar colors.
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return ((hash ^ (hash >>> 13)) >>> 0) % 360;
}
