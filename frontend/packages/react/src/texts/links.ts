import { LinkifyIt } from 'linkify-it';

/** A link in a text, between two positions in UTF-16 units. */
export interface TextLink {
  start: number;
  end: number;
  href: string;
}

const SCHEMES = new Set(['https:', 'http:', 'mailto:']);

/** Characters that change the order or the look of an address. */
const DECEPTIVE = /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}]/u;

// With `urlAuth`, an address with a password is found as a whole, and then left out.
const linkify = new LinkifyIt({ fuzzyEmail: true, fuzzyLink: false, urlAuth: true }).add('ftp:', null).add('//', null);

/** The web and mail addresses in a text. Web addresses need their scheme; punctuation at the end does not belong to them. */
export function linksIn(text: string): TextLink[] {
  return (linkify.match(text) ?? []).flatMap(({ index: start, lastIndex: end, url, raw }) => {
    const address = DECEPTIVE.test(raw) || !URL.canParse(url) ? null : new URL(url);
    const isSafe = address !== null && SCHEMES.has(address.protocol) && address.username === '' && address.password === '';
    return isSafe ? [{ start, end, href: address.href }] : [];
  });
}
