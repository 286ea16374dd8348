import type { Recipient } from '@cruddur/client';
import { useEffect, useRef, useState } from 'react';
import { useComponents } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { BackIcon } from './icons.tsx';
import { Handle, Name } from './labels.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a conversation's heading. */
export interface ConversationHeadProps {
  /** The other user; null until known. */
  person: Recipient | null;
  /** Whether the heading takes the focus on phones when it is shown. */
  takesFocus: boolean;
}

/** The other user, and on a phone the link back to the inbox. */
export function ConversationHead({ person, takesFocus }: ConversationHeadProps) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useTexts();
  const heading = useRef<HTMLHeadingElement>(null);
  const [focuses] = useState(takesFocus);

  // On phones the composer does not take the focus: screen readers start at the heading.
  useEffect(() => {
    if (focuses && !window.matchMedia('(pointer: fine)').matches) {
      heading.current?.focus();
    }
  }, [focuses]);

  return (
    <header className="cruddur-conversation-head">
      <PlaceLink className="cruddur-icon-button cruddur-back" to={null} label={text('conversation.back')}>
        <BackIcon />
      </PlaceLink>
      {person !== null && <Avatar name={person.name} handle={person.handle} small />}
      <h2 ref={heading} className="cruddur-who" tabIndex={-1}>
        {person === null ? (
          text('conversation.label')
        ) : (
          <>
            <Name className="cruddur-name" name={person.name} handle={person.handle} /> <Handle handle={person.handle} />
          </>
        )}
      </h2>
    </header>
  );
}
