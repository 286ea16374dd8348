import { createTexts, type Texts } from '@cruddur/react';
import { useMemo } from 'react';
import { useLanguage } from '../texts.tsx';
import { en, type PagesTextKey } from './en.ts';

/** The texts of the pages around the messages. Use it only in these pages: the catalog is loaded with them. */
export function usePagesTexts(): Texts<PagesTextKey> {
  const { texts, pages } = useLanguage();
  return useMemo(() => createTexts(pages ?? en, texts.locale), [texts, pages]);
}
