import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { BackIcon } from '../shell/icons.tsx';
import { Avatar } from '../users/avatar.tsx';
import { Handle, Name } from '../users/labels.tsx';
import type { Recipient } from '../users/recipient.ts';

/** The other user, and on a phone the link back to the inbox. */
export function ConversationHead({ person }: { person: Recipient | null }) {
  const heading = useRef<HTMLHeadingElement>(null);

  // On phones the composer does not take the focus: screen readers start at the heading.
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
