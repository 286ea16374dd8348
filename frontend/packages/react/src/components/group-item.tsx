import { type MessageGroup, isMuted, otherMember } from '@cruddur/client';
import { memo } from 'react';
import { useBaseTexts, useComponents } from '../context.ts';
import { plainNumber } from '../texts/formats.ts';
import { MoreIcon } from './icon.tsx';
import { Handle, Name } from './labels.tsx';
import { DraftPreview } from './draft-preview.tsx';
import { Ago } from './moment.tsx';
import { MutedMark } from './muted-mark.tsx';
import { PlaceLink } from './place-link.tsx';
import { UnsentMark } from './unsent-mark.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a conversation in the inbox. */
export interface GroupItemProps {
  group: MessageGroup;
  now: number;
  /** The beginning of the draft; empty if there is none, or while the conversation is open. */
  draft?: string;
  /** Whether a message of the group failed or waits for its author. */
  unsent: boolean;
  /** The newest text that is not sent: it failed, waits for its author, or is delayed. Empty by default. */
  unsentText?: string;
}

/** A conversation in the inbox. */
export const GroupItem = memo(function GroupItem({ group, now, draft = '', unsent, unsentText = '' }: GroupItemProps) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useBaseTexts();
  const { unread_count: unread = 0, message, deleted_at, muted_until } = group;
  const hasMute = isMuted(muted_until, now);
  // A row without a text is cleared or deleted.
  const isCleared = message === '' && deleted_at === undefined;
  // A draft hides a delayed message, but not one that needs its author.
  const unstored = unsent || draft === '' ? unsentText : '';
  return (
    <div className="cruddur-group" data-group={group.uuid}>
      <PlaceLink
        className={`cruddur-group-item${unread > 0 ? ' cruddur-unread' : ''}${hasMute ? ' cruddur-muted' : ''}`}
        to={{ kind: 'group', uuid: group.uuid, person: otherMember(group) }}
      >
        <Avatar name={group.display_name} handle={group.handle} />
        <span className="cruddur-group-names cruddur-who">
          <Name className="cruddur-name" name={group.display_name} handle={group.handle} />{' '}
          <Handle handle={group.handle} />
        </span>
        <span className="cruddur-group-time">
          <Ago createdAt={group.created_at} now={now} />
        </span>
        <span className="cruddur-group-preview">
          {(unsent || unstored !== '') && <UnsentMark isStuck={unsent} />}{' '}
          {(unstored !== '' || (draft === '' && group.from_me === true && !isCleared)) && <span>{text('inbox.you')}</span>}{' '}
          {unstored !== '' ? (
            <span className="cruddur-group-text" dir="auto">
              {unstored}
            </span>
          ) : draft !== '' ? (
            <DraftPreview text={draft} />
          ) : isCleared || deleted_at !== undefined ? (
            <em className="cruddur-group-text">{text(isCleared ? 'inbox.cleared' : 'inbox.deleted')}</em>
          ) : (
            <span className="cruddur-group-text" dir="auto">
              {message}
            </span>
          )}
          {hasMute && <MutedMark />}
          {unread > 0 && <UnreadBadge count={unread} />}
        </span>
      </PlaceLink>
      {/* The row's menu also opens by right click, long press, and the keys for menus. */}
      <button type="button" className="cruddur-icon-button cruddur-more" data-menu aria-label={text('inbox.menu')} aria-haspopup="menu" tabIndex={-1}>
        <MoreIcon />
      </button>
    </div>
  );
});

/** The greatest number that is shown. The API counts one more. */
const MAX_SHOWN = 99;

function UnreadBadge({ count }: { count: number }) {
  const { locale, text } = useBaseTexts();
  const number = plainNumber(locale, Math.min(count, MAX_SHOWN));
  return (
    <span className="cruddur-count">
      <span aria-hidden="true" dir="ltr">{count > MAX_SHOWN ? `${number}+` : number}</span>
      <span className="cruddur-visually-hidden">
        {count > MAX_SHOWN ? text('inbox.unreadMany', { count: MAX_SHOWN }) : text('inbox.unread', { count })}
      </span>
    </span>
  );
}
