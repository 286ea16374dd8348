import { type BlockedUser, millisOf, shownName, stateOf } from '@cruddur/client';
import { useClient, useComponents } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { exactTime, format } from '../texts/formats.ts';
import { Handle, Name } from './labels.tsx';
import { PeopleList, useRowActions } from './people-list.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The users whom the person blocks, each with a button that ends the block. */
export function BlockedPeople() {
  const { blocks } = stateOf(useClient());
  const { text } = useTexts();
  const { act, ...people } = useRowActions(() => blocks.list());
  return (
    <PeopleList {...people} nothing="block.nobody" more="block.more">
      {(person) => (
        <BlockedPerson
          key={person.uuid}
          person={person}
          onUnblock={() =>
            act(person, {
              run: () => blocks.unblock(person.uuid),
              done: text('block.ended', { name: shownName(person.display_name, person.handle) }),
              failed: (reason) => text('block.notEnded', { reason }),
            })
          }
        />
      )}
    </PeopleList>
  );
}

function BlockedPerson({ person, onUnblock }: { person: BlockedUser; onUnblock: () => void }) {
  const { Avatar = DefaultAvatar } = useComponents();
  const { locale, text, rich } = useTexts();
  const { handle, display_name, blocked_at } = person;
  const at = millisOf(blocked_at);
  const date = (
    <time key="date" dir="auto" dateTime={blocked_at} title={exactTime(locale, at)}>
      {format(locale, { dateStyle: 'medium' }).format(at)}
    </time>
  );
  return (
    <li className="cruddur-blocked-person">
      <Avatar name={display_name} handle={handle} small />
      <span className="cruddur-blocked-names">
        <span className="cruddur-who">
          <Name className="cruddur-name" name={display_name} handle={handle} /> <Handle handle={handle} />
        </span>
        <span className="cruddur-hint">{rich('block.since', { date })}</span>
      </span>
      <button
        type="button"
        className="cruddur-button cruddur-small"
        aria-label={text('block.endOf', { name: shownName(display_name, handle) })}
        onClick={onUnblock}
      >
        {text('block.end')}
      </button>
    </li>
  );
}
