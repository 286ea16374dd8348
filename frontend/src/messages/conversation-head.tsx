import { useEffect, useRef } from 'react';
import { Link } from 'react-router';
import { BackIcon } from '../shell/icons.tsx';
import { Avatar } from '../users/avatar.tsx';

/** With whom one writes, and on a phone the way back. */
export function ConversationHead({ name, handle }: { name: string; handle: string | null }) {
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
      {handle !== null && <Avatar name={name} handle={handle} small />}
      <h2 ref={heading} tabIndex={-1}>
        <span dir="auto">{name}</span> {handle !== null && <span className="handle">@{handle}</span>}
      </h2>
    </header>
  );
}
