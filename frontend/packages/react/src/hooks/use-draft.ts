import type { Recipient } from '@cruddur/client';
import { useEffect, useState } from 'react';
import { useClient } from '../context.ts';

interface Draft {
  text: string;
  write: (text: string) => void;
  /** Reports the start and end of a composition by an input method. */
  compose: (composing: boolean) => void;
}

/**
 * The draft of a conversation.
 *
 * `earlier` lists former names of the conversation; their drafts are moved here.
 */
export function useDraft(conversation: string, earlier: readonly string[], to?: Recipient): Draft {
  const { drafts } = useClient();
  const [text, setText] = useState(() => {
    moveEarlier();
    return drafts.read(conversation);
  });

  function moveEarlier() {
    for (const name of earlier) {
      drafts.move(name, conversation);
    }
  }

  useEffect(() => {
    const show = () => setText(drafts.read(conversation));
    const refresh = () => drafts.refresh();
    const flush = () => {
      drafts.hold(false);
      drafts.flush();
    };
    const onVisibility = () => (document.visibilityState === 'hidden' ? flush() : refresh());
    const unsubscribe = drafts.subscribe(show);
    moveEarlier();
    show();
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener('focus', refresh, { signal });
    window.addEventListener('pageshow', refresh, { signal });
    window.addEventListener('pagehide', flush, { signal });
    document.addEventListener('visibilitychange', onVisibility, { signal });
    return () => {
      unsubscribe();
      listening.abort();
      flush();
    };
    // `moveEarlier` is a new function on each render, and depends only on the values listed.
    // oxlint-disable-next-line react/exhaustive-deps
  }, [drafts, conversation, earlier.join(' ')]);

  return {
    text,
    write: (typed) => {
      drafts.write(conversation, typed, to);
      setText(typed);
    },
    compose: (composing) => drafts.hold(composing),
  };
}
