import { useMessages } from '../context.ts';
import { en } from '../texts/catalog.ts';
import type { BaseTexts, MessagesTexts } from '../texts/messages-texts.ts';
import { createTexts } from '../texts/texts.ts';

const made = new WeakMap<BaseTexts, MessagesTexts>();

/** All texts in the language of the provider. Components that are loaded from the start use `useBaseTexts`. */
export function useTexts(): MessagesTexts {
  const { texts: base, catalog } = useMessages();
  let texts = made.get(base);
  if (texts === undefined) {
    texts = createTexts({ ...en, ...catalog }, base.locale);
    made.set(base, texts);
  }
  return texts;
}
