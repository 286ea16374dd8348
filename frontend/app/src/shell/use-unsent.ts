import { useOutbox } from '@cruddur/react';
import { useState } from 'react';
import { useSignedIn, useSignOut } from '../signed-in.tsx';
import { usePageTexts } from '../texts/texts.tsx';

/** A function that says what a sign-out deletes from this device; empty if nothing. */
export function useUnsent(): () => string {
  const { client } = useSignedIn();
  const { text } = usePageTexts();
  const unsent = useOutbox().filter(({ state }) => state.name !== 'sent').length;
  return () => {
    // Typing does not render the caller.
    const drafts = client.drafts.count();
    return [unsent > 0 && text('signOut.unsent', { count: unsent }), drafts > 0 && text('signOut.drafts', { count: drafts })]
      .filter(Boolean)
      .join(' ');
  };
}

/** Signs out, after a question if that deletes something. */
export function useLeaving() {
  const signOut = useSignOut();
  const unsent = useUnsent();
  const [deleted, setDeleted] = useState('');
  return {
    /** What the sign-out deletes, while the person is asked about it; otherwise empty. */
    deleted,
    leave: () => {
      const found = unsent();
      setDeleted(found);
      if (found === '') {
        signOut();
      }
    },
    stay: () => setDeleted(''),
  };
}
