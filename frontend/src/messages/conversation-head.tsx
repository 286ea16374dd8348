import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { BackIcon } from '../shell/icons.tsx';
import { Avatar } from '../users/avatar.tsx';
import { Handle, Name } from '../users/labels.tsx';
import type { Recipient } from '../users/recipient.ts';

/** With whom one writes, and on a phone the way back. */
export function ConversationHead({ person }: { person: Recipient | null }) {
  const heading = useRef<HTMLHeadingElement>(null);

  // Where the field does not take the focus, the conversation begins here for who does not see it.
  useEffect(() => {
    if (!window.matchMedia('(pointer: fine)').matches) {
      heading.current?.focus();
    }
  }, []);

  return (
    <header className="conversation-head">
      <Link className="icon-button back" to="/messages" aria-label="Back to the conversations">
        <BackIcon />
      </Link>
      {person !== null && <Avatar name={person.name} handle={person.handle} small />}
      <h2 ref={heading} className="who" tabIndex={-1}>
        {person === null ? (
          'Conversation'
        ) : (
          <>
            <Name className="name" name={person.name} handle={person.handle} /> <Handle handle={person.handle} />
          </>
        )}
      </h2>
    </header>
  );
}
