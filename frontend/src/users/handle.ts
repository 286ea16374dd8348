/** Every kind of `@`. */
const AT = /^[@\u{FF20}\u{FE6B}]/u;

/** What can't be seen and comes along when one copies. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Control}]/gu;

/** What stands around a handle in a sentence. No handle has any of it. */
const OPENING = /^[\s("'<[{«‹“‘„]+/u;
const CLOSING = /[\s)"'>\]}»›”’“,;:!?…]+$/u;

/** More than any address; of a text that was pasted by mistake nothing behind it is looked at. */
const LONGEST = 1000;

/** The address of a conversation that begins, of this page or as somebody copied it from theirs. */
const LINK = /^(?:https?:\/\/|[\w.-]+(?::\d+)?\/|\/)(?:[^?#]*\/)?messages\/new\/([^/?#]*)/iu;

/**
 * The handle in what a person types or pastes: without the `@`, what can't be seen, the punctuation around it, and out of
 * the address of its page.
 */
export function typedHandle(text: string): string {
  const seen = trimmed(text.slice(0, LONGEST).replaceAll(UNSEEN, ''));
  return trimmed(trimmed(decoded(LINK.exec(seen)?.[1] ?? seen).replaceAll(UNSEEN, '')).replace(AT, ''));
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

/** Whether this can be anybody's handle. */
export function isHandle(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,30}$/.test(text);
}

/** Whether two spellings are of one handle: without case, as ASCII. It says nothing about who has it. */
export function sameHandle(a: string, b: string): boolean {
  return foldHandle(a) === foldHandle(b);
}

/** The one spelling of a handle under which things are kept. */
export function foldHandle(handle: string): string {
  return handle.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The path of the page on which one writes to a handle. `.` and `..` would lead up, even percent-encoded. */
export function newConversationPath(handle: string): string {
  const folded = foldHandle(handle);
  return `/messages/new/${/^\.{1,2}$/.test(folded) ? '@' : ''}${encodeURIComponent(folded)}`;
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
