import { useState } from 'react';
import { useSignedIn } from '../signed-in.tsx';

/** What is typed in a conversation, kept from the first letter on. */
export function useDraft(conversation: string): [string, (text: string) => void] {
  const { drafts } = useSignedIn();
  const [text, setText] = useState(() => drafts.read(conversation));
  return [
    text,
    (typed) => {
      drafts.write(conversation, typed);
      setText(typed);
    },
  ];
}
