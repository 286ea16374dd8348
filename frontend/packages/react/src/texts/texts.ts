import { IntlMessageFormat } from 'intl-messageformat';
import { createElement, Fragment, type ReactNode } from 'react';

export type Values = Record<string, string | number | ReactNode>;

/** A catalog's texts in a language. */
export interface Texts<Key extends string> {
  /** A BCP 47 tag, such as `en-GB`. */
  readonly locale: string;
  /** Whether there is a text of this key. */
  has(key: string): boolean;
  /** The text of a key, with its arguments. */
  text(key: Key, values?: Record<string, string | number>): string;
  /** The same, with elements as arguments. */
  rich(key: Key, values: Values): ReactNode;
}

/** A text in the syntax of ICU MessageFormat, or its syntax tree from `@formatjs/icu-messageformat-parser`. */
export type Message = ConstructorParameters<typeof IntlMessageFormat>[0];

/** Texts of a catalog in a language. Throws on use of a text with a syntax error. */
export function createTexts<Key extends string>(catalog: Readonly<Record<Key, Message>>, locale: string): Texts<Key> {
  const formats = new Map<Key, IntlMessageFormat>();
  const format = (key: Key) => {
    let made = formats.get(key);
    if (made === undefined) {
      made = new IntlMessageFormat(catalog[key], locale);
      formats.set(key, made);
    }
    return made;
  };
  return {
    locale,
    has: (key) => Object.hasOwn(catalog, key),
    text: (key, values) => {
      const message = catalog[key];
      return isPlain(message) ? message : String(format(key).format(values));
    },
    rich: (key, values) => {
      const message = catalog[key];
      if (isPlain(message)) {
        return message;
      }
      const parts = format(key).format<ReactNode>(
        values as Parameters<typeof IntlMessageFormat.prototype.format<ReactNode>>[0],
      ) as ReactNode;
      // A value may be there twice, with the same key.
      return Array.isArray(parts) ? parts.map((part, place) => createElement(Fragment, { key: place }, part)) : parts;
    },
  };
}

/** Whether a text has nothing to format. */
function isPlain(message: Message): message is string {
  return typeof message === 'string' && !/[{}<']/.test(message);
}
