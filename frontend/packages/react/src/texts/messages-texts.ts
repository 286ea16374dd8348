import type { TextKey } from './catalog.ts';
import type { BaseTextKey } from './en.ts';
import type { Texts } from './texts.ts';

/** The texts of this package's components. */
export type MessagesTexts = Texts<TextKey>;
/** The texts that are loaded from the start. */
export type BaseTexts = Texts<BaseTextKey>;
