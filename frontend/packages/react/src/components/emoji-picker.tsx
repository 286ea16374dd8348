import { type ComponentType, useEffect, useEffectEvent, useState } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import type { EmojiChoiceProps } from './emoji-choice.tsx';

/** The props of the emoji picker. */
export interface EmojiPickerProps {
  /** The place in the window that the picker is beside. */
  anchor: MenuAnchor;
  onEmoji: (emoji: string) => void;
  /** Called when the picker is closed, by a choice or without one. */
  onClose: () => void;
}

interface Loaded {
  EmojiChoice: ComponentType<EmojiChoiceProps>;
  data: EmojiChoiceProps['data'];
}

/** The emoji picker. Its code and the names of the emoji are loaded when it is opened. */
export function EmojiPicker(props: EmojiPickerProps) {
  const texts = useTexts();
  const [loaded, setLoaded] = useState<Loaded | null>(null);
  const close = useEffectEvent(() => props.onClose());

  useEffect(() => {
    let isCurrent = true;
    const load = async () => {
      try {
        const { EmojiChoice, loadEmojiData } = await import('./emoji-choice.tsx');
        const data = await loadEmojiData(texts);
        if (isCurrent) {
          setLoaded({ EmojiChoice, data });
        }
      } catch {
        // Offline, or the page was replaced by a newer version.
        if (isCurrent) {
          close();
        }
      }
    };
    void load();
    return () => {
      isCurrent = false;
    };
  }, [texts]);

  return loaded && <loaded.EmojiChoice {...props} data={loaded.data} />;
}
