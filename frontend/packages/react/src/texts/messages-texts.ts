import type { TextKey } from './en.ts';
import type { Texts } from './texts.ts';

/** The texts of this package's components. */
export type MessagesTexts = Texts<TextKey>;
