import type { Code } from '@cruddur/client';
import { en as conversation } from './conversation/en.ts';
import { en as base } from './en.ts';

/** All texts in English. A translation has the same keys and arguments. */
export const en = { ...base, ...conversation } satisfies Readonly<Record<`code.${Code}`, string>>;

export type TextKey = keyof typeof en;
export type Catalog = Readonly<Record<TextKey, string>>;
