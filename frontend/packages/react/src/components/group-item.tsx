import { type MessageGroup, otherMember } from '@cruddur/client';
import { memo } from 'react';
import { useComponents, useBaseTexts } from '../context.ts';
import { Handle, Name } from './labels.tsx';
import { Ago } from './moment.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a conversation in the inbox. */
export interface GroupItemProps {
  group: MessageGroup;
  now: number;
  /** Whether a message of the group failed or waits for its author. */
  unsent: boolean;
}

/** A conversation in the inbox. */
export const GroupItem = memo(function GroupItem({ group, now, unsent }: GroupItemProps) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useBaseTexts();
  return (
    <PlaceLink className="cruddur-group-item" to={{ kind: 'group', uuid: group.uuid, person: otherMember(group) }}>
      <Avatar name={group.display_name} handle={group.handle} />
      <span className="cruddur-group-names cruddur-who">
        <Name className="cruddur-name" name={group.display_name} handle={group.handle} />{' '}
        <Handle handle={group.handle} />
      </span>
      <span className="cruddur-group-time">
        <Ago createdAt={group.created_at} now={now} />
      </span>
      <span className="cruddur-group-preview">
        {unsent && <span className="cruddur-badge">{text('inbox.notSent')}</span>}{' '}
        <span className="cruddur-group-text" dir="auto">
          {group.message}
        </span>
      </span>
    </PlaceLink>
  );
});
