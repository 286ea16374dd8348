import { NavLink } from 'react-router';
import { placeState } from '../messages/place-state.ts';
import { Avatar } from '../users/avatar.tsx';
import { newConversationPath } from '../users/handle.ts';
import { Handle, Name } from '../users/labels.tsx';
import type { Recipient } from '../users/recipient.ts';

interface Props {
  handle: string;
  /** Null while it is not known whose handle it is. */
  person: Recipient | null;
  unsent: boolean;
}

/** A conversation that is there once its first message is stored. */
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
