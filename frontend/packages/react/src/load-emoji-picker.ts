import type { ComponentType } from 'react';
import type { EmojiPickerProps } from './components/emoji-picker.tsx';
import type { MessagesTexts } from './texts/messages-texts.ts';

/** The code and the data of the emoji picker. */
export interface LoadedEmojiPicker {
  EmojiPicker: ComponentType<EmojiPickerProps>;
  data: EmojiPickerProps['data'];
}

/** Loads the emoji picker when it is opened. Returns null if that fails: offline, or after an update of the page. */
export async function loadEmojiPicker(texts: MessagesTexts): Promise<LoadedEmojiPicker | null> {
  try {
    const { EmojiPicker, loadEmojiData } = await import('./components/emoji-picker.tsx');
    return { EmojiPicker, data: await loadEmojiData(texts) };
  } catch {
    return null;
  }
}
