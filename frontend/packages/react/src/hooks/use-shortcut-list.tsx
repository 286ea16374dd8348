import { type ComponentType, useState } from 'react';
import type { ShortcutListProps } from '../components/shortcut-list.tsx';

/** The list of the keyboard shortcuts for a button of the page. `list` is to be rendered, and `show` opens it. */
export function useShortcutList(hasListKey = true) {
  const [loaded, setLoaded] = useState<{ ShortcutList: ComponentType<ShortcutListProps> } | null>(null);

  async function load(): Promise<void> {
    try {
      setLoaded(await import('../components/shortcut-list.tsx'));
    } catch {
      // Offline, or the page was replaced by a newer version.
    }
  }

  return {
    show: () => void load(),
    list: loaded && <loaded.ShortcutList hasListKey={hasListKey} onClose={() => setLoaded(null)} />,
  };
}
