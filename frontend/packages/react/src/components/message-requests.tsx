import { type MessageGroup, shownName, stateOf } from '@cruddur/client';
import { useRef, useState, useSyncExternalStore } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explain } from '../texts/explain.ts';
import { Handle, Name } from './labels.tsx';
import { PlaceLink } from './place-link.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The conversations that strangers have opened, each with buttons that accept or decline it. `onOpen`: one is opened. */
export function MessageRequests({ onOpen }: { onOpen?: () => void }) {
  const { requests } = stateOf(useClient());
  const texts = useTexts();
  const { text } = texts;
  const [list] = useState(() => requests.list());
  const { value, error, isLoadingMore, moreError } = useSyncExternalStore(list.subscribe, list.state);
  const [outcome, setOutcome] = useState<{ text: string; isProblem: boolean } | null>(null);
  const note = useRef<HTMLParagraphElement>(null);

  async function answer({ uuid, display_name, handle }: MessageGroup, isAccepted: boolean): Promise<void> {
    setOutcome(null);
    try {
      await requests.answer(uuid, isAccepted);
    } catch (failure) {
      setOutcome({ text: text('request.failed', { reason: explain(texts, failure) }), isProblem: true });
      return;
    }
    // The button with the focus is about to be removed.
    note.current?.focus();
    list.remove((row) => row.uuid === uuid);
    const name = shownName(display_name, handle);
    setOutcome({ text: text(isAccepted ? 'request.accepted' : 'request.declined', { name }), isProblem: false });
  }

  return (
    <div className="cruddur-blocked">
      <p ref={note} className={outcome?.isProblem === true ? 'cruddur-problem' : 'cruddur-hint'} role="status" tabIndex={-1}>
        {outcome?.text ?? (value === undefined && (error === null ? text('loading') : explain(texts, error)))}
      </p>
      {value?.rows.length === 0 && value.next === null && <p className="cruddur-hint">{text('request.none')}</p>}
      {value !== undefined && value.rows.length > 0 && (
        <ul>
          {value.rows.map((group) => (
            <MessageRequest key={group.uuid} group={group} onOpen={onOpen} onAnswer={(isAccepted) => void answer(group, isAccepted)} />
          ))}
        </ul>
      )}
      {value !== undefined && value.next !== null && (
        <button type="button" className="cruddur-button cruddur-small" disabled={isLoadingMore} onClick={() => void list.loadMore()}>
          {text(isLoadingMore ? 'loading' : 'request.more')}
        </button>
      )}
      {moreError !== null && <p className="cruddur-problem">{explain(texts, moreError)}</p>}
    </div>
  );
}

interface RequestProps {
  group: MessageGroup;
  onOpen: (() => void) | undefined;
  onAnswer: (isAccepted: boolean) => void;
}

function MessageRequest({ group, onOpen, onAnswer }: RequestProps) {
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
          {...(onOpen && { onClick: onOpen })}
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
