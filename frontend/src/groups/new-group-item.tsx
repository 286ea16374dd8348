import { NavLink } from 'react-router';
import { placeState } from '../messages/place-state.ts';
import { Avatar } from '../users/avatar.tsx';
import { newConversationPath } from '../users/handle.ts';
import { Handle, Name } from '../users/labels.tsx';
import type { Recipient } from '../users/recipient.ts';

interface Props {
  handle: string;
  /** Null until the handle is resolved. */
  person: Recipient | null;
  unsent: boolean;
}

/** The list item of a conversation whose first message is not stored yet. */
export function NewGroupItem({ handle, person, unsent }: Props) {
  return (
    <NavLink className="group-item" to={newConversationPath(handle)} state={person && placeState(person)}>
      <Avatar name={person?.name ?? handle} handle={handle} />
      <span className="group-names who">
        {person !== null && <Name className="name" name={person.name} handle={person.handle} />}{' '}
        <Handle handle={person?.handle ?? handle} />
      </span>
      <span className="group-preview">
        {unsent ? <span className="badge">Not sent</span> : <em>New conversation</em>}
      </span>
    </NavLink>
  );
}
