import { NavLink } from 'react-router';
import type { MessageGroup } from '../api/types.ts';
import { Ago } from '../time/moment.tsx';
import { Avatar } from '../users/avatar.tsx';
import { Handle, Name } from '../users/labels.tsx';

interface Props {
  group: MessageGroup;
  now: number;
  /** Whether a message of the group failed or waits for its author. */
  unsent: boolean;
}

export function GroupItem({ group, now, unsent }: Props) {
  return (
    <NavLink className="group-item" to={`/messages/${group.uuid}`}>
      <Avatar name={group.display_name} handle={group.handle} />
      <span className="group-names who">
        <Name className="name" name={group.display_name} handle={group.handle} />{' '}
        <Handle handle={group.handle} />
      </span>
      <span className="group-time">
        <Ago createdAt={group.created_at} now={now} />
      </span>
      <span className="group-preview">
        {unsent && <span className="badge">Not sent</span>} <bdi>{group.message}</bdi>
      </span>
    </NavLink>
  );
}
