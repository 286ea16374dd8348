import { NavLink } from 'react-router';
import { Avatar } from '../users/avatar.tsx';
import { useUser } from '../users/use-user.ts';

/** A conversation that is there once its first message is stored. */
export function NewGroupItem({ handle, unsent }: { handle: string; unsent: boolean }) {
  const { user } = useUser(handle);
  const name = user?.display_name ?? `@${handle}`;
  return (
    <NavLink className="group-item" to={`/messages/new/${handle}`}>
      <Avatar name={user?.display_name ?? handle} handle={handle} />
      <span className="group-names">
        <strong className="group-name" dir="auto">
          {name}
        </strong>{' '}
        {user && <span className="handle">@{user.handle}</span>}
      </span>
      <span className="group-preview">
        {unsent ? <span className="badge">Not sent</span> : <em>New conversation</em>}
      </span>
    </NavLink>
  );
}
