import { type ComponentType, type RefObject, useCallback, useEffect, useEffectEvent, useState } from 'react';
import type { ConversationSearchProps } from '../components/conversation-search.tsx';
import { useComponents } from '../context.ts';
import { isCommand, isOverlayOpen, rootOf } from '../keys.ts';

interface Loaded {
  ConversationSearch: ComponentType<ConversationSearchProps>;
}

/**
 * The search in a conversation, which Ctrl+F opens while the focus is in the conversation: the search of the browser does not
 * find the messages that are not in the document. Once more, Ctrl+F opens the search of the browser.
 */
export function useConversationSearch(box: RefObject<HTMLElement | null>, isEnabled: boolean) {
  const { ConversationSearch } = useComponents();
  const [search, setSearch] = useState<Loaded | null>(null);
  const [match, setMatch] = useState<string | null>(null);

  async function open(): Promise<void> {
    try {
      setSearch(ConversationSearch === undefined ? await import('../components/conversation-search.tsx') : { ConversationSearch });
    } catch {
      // Offline, or the page was replaced by a newer version.
    }
  }

  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    const { target } = event;
    const isInSearch = target instanceof Element && target.closest('.cruddur-search') !== null;
    if (isEnabled && isCommand(event, 'f') && !isInSearch && !isOverlayOpen(rootOf(box.current))) {
      event.preventDefault();
      box.current?.querySelector<HTMLElement>('.cruddur-search input')?.focus();
      void open();
    }
  });
  useEffect(() => {
    const element = box.current;
    const listener = (event: KeyboardEvent) => onKeyDown(event);
    element?.addEventListener('keydown', listener);
    return () => element?.removeEventListener('keydown', listener);
  }, [box]);

  return {
    search,
    match,
    onMatch: setMatch,
    open: isEnabled ? () => void open() : undefined,
    close: useCallback(() => setSearch(null), []),
  };
}
