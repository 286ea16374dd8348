import { type MessageGroup, shownName, stateOf } from '@cruddur/client';
import { useClient, useComponents } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { Handle, Name } from './labels.tsx';
import { PeopleList, useRowActions } from './people-list.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The conversations that strangers have opened, each with buttons that accept or decline it. */
export function MessageRequests() {
  const { requests } = stateOf(useClient());
  const { text } = useTexts();
  const { act, ...people } = useRowActions(() => requests.list);
  return (
    <PeopleList {...people} nothing="request.none" more="request.more">
      {(group) => (
        <MessageRequest
          key={group.uuid}
          group={group}
          onAnswer={(isAccepted) =>
            act(group, {
              run: () => requests.answer(group.uuid, isAccepted),
              done: text(isAccepted ? 'request.accepted' : 'request.declined', {
                name: shownName(group.display_name, group.handle),
              }),
              failed: (reason) => text('request.failed', { reason }),
            })
          }
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
