import { type MessageGroup, shownName, stateOf } from '@cruddur/client';
import { useState } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useInbox } from '../hooks/data.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { Handle, Name } from './labels.tsx';
import { PeopleList, useRowActions } from './people-list.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The conversations that strangers have opened, each with buttons that accept or decline it. */
export function MessageRequests() {
  const { requests } = stateOf(useClient());
  const { text } = useTexts();
  const { act, outcome, ...people } = useRowActions(() => requests.list);
  const [declined, setDeclined] = useState<string | null>(null);
  // The person can still accept the conversation where it is open.
  const isAccepted = useInbox().value?.rows.some(({ uuid }) => uuid === declined) === true;
  return (
    <PeopleList {...people} outcome={isAccepted ? null : outcome} nothing="request.none" more="request.more">
      {(group) => (
        <MessageRequest
          key={group.uuid}
          group={group}
          onAnswer={(accepts) => {
            setDeclined(accepts ? null : group.uuid);
            act(group, {
              run: () => requests.answer(group.uuid, accepts),
              done: text(accepts ? 'request.accepted' : 'request.declined', {
                name: shownName(group.display_name, group.handle),
              }),
              failed: (reason) => text('request.failed', { reason }),
            });
          }}
        />
      )}
    </PeopleList>
  );
}

interface RequestProps {
  group: MessageGroup;
  onAnswer: (isAccepted: boolean) => void;
}

function MessageRequest({ group, onAnswer }: RequestProps) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { text } = useTexts();
  const { uuid, user_uuid, handle, display_name, message } = group;
  const name = shownName(display_name, handle);
  return (
    <li className="cruddur-blocked-person cruddur-request">
      <Avatar name={display_name} handle={handle} small />
      <span className="cruddur-blocked-names">
        <PlaceLink
          className="cruddur-link"
          to={{ kind: 'group', uuid, person: { uuid: user_uuid, handle, name: display_name } }}
        >
          <span className="cruddur-who">
            <Name className="cruddur-name" name={display_name} handle={handle} /> <Handle handle={handle} />
          </span>
        </PlaceLink>
        <span className="cruddur-hint" dir="auto">
          {message}
        </span>
      </span>
      <span className="cruddur-actions">
        <button
          type="button"
          className="cruddur-button cruddur-small"
          aria-label={text('request.acceptOf', { name })}
          onClick={() => onAnswer(true)}
        >
          {text('request.accept')}
        </button>
        <button
          type="button"
          className="cruddur-button cruddur-small"
          aria-label={text('request.declineOf', { name })}
          onClick={() => onAnswer(false)}
        >
          {text('request.decline')}
        </button>
      </span>
    </li>
  );
}
