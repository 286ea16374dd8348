import type { Recipient } from '@cruddur/client';
import { useComponents, useBaseTexts } from '../context.ts';
import { DraftPreview } from './draft-preview.tsx';
import { Handle, Name } from './labels.tsx';
import { PlaceLink } from './place-link.tsx';
import { UnsentMark } from './unsent-mark.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a conversation without a group in the inbox. */
export interface NewGroupItemProps {
  handle: string;
  /** Null until the handle is resolved. */
  person: Recipient | null;
  /** The beginning of the draft; empty if there is none, or while the conversation is open. */
  draft?: string;
  unsent: boolean;
  /** The newest text that is not sent: it failed, waits for its author, or is delayed. Empty by default. */
  unsentText?: string;
}

/** The list item of a conversation that has no stored message yet. */
export function NewGroupItem({ handle, person, draft = '', unsent, unsentText = '' }: NewGroupItemProps) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useBaseTexts();
  const unstored = unsent || draft === '' ? unsentText : '';
  return (
    <PlaceLink className="cruddur-group-item" to={{ kind: 'handle', handle, ...(person && { person }) }}>
      <Avatar name={person?.name ?? handle} handle={handle} />
      <span className="cruddur-group-names cruddur-who">
        {person !== null && <Name className="cruddur-name" name={person.name} handle={person.handle} />}{' '}
        <Handle handle={person?.handle ?? handle} />
      </span>
      <span className="cruddur-group-preview">
        {(unsent || unstored !== '') && <UnsentMark isStuck={unsent} />}{' '}
        {unstored !== '' ? (
          <span className="cruddur-group-text" dir="auto">
            {unstored}
          </span>
        ) : draft === '' ? (
          <em>{text('inbox.new')}</em>
        ) : (
          <DraftPreview text={draft} />
        )}
      </span>
    </PlaceLink>
  );
}
