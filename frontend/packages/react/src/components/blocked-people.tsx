import { type BlockedUser, millisOf, shownName, stateOf } from '@cruddur/client';
import { useRef, useState, useSyncExternalStore } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explain } from '../texts/explain.ts';
import { exactTime, format } from '../texts/formats.ts';
import { Handle, Name } from './labels.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The users whom the person blocks, each with a button that ends the block. */
export function BlockedPeople() {
  const { blocks } = stateOf(useClient());
  const texts = useTexts();
  const { text } = texts;
  const [list] = useState(() => blocks.list());
  const { value, error, isLoadingMore, moreError } = useSyncExternalStore(list.subscribe, list.state);
  const [outcome, setOutcome] = useState<{ text: string; isProblem: boolean } | null>(null);
  const note = useRef<HTMLParagraphElement>(null);

  async function unblock({ uuid, display_name, handle }: BlockedUser): Promise<void> {
    setOutcome(null);
    try {
      await blocks.unblock(uuid);
    } catch (failure) {
      setOutcome({ text: text('block.notEnded', { reason: explain(texts, failure) }), isProblem: true });
      return;
    }
    // The button with the focus is about to be removed.
    note.current?.focus();
    list.remove((row) => row.uuid === uuid);
    setOutcome({ text: text('block.ended', { name: shownName(display_name, handle) }), isProblem: false });
  }

  return (
    <div className="cruddur-blocked">
      <p ref={note} className={outcome?.isProblem === true ? 'cruddur-problem' : 'cruddur-hint'} role="status" tabIndex={-1}>
        {outcome?.text ?? (value === undefined && (error === null ? text('loading') : explain(texts, error)))}
      </p>
      {value?.rows.length === 0 && value.next === null && <p className="cruddur-hint">{text('block.nobody')}</p>}
      {value !== undefined && value.rows.length > 0 && (
        <ul>
          {value.rows.map((person) => (
            <BlockedPerson key={person.uuid} person={person} onUnblock={() => void unblock(person)} />
          ))}
        </ul>
      )}
      {value !== undefined && value.next !== null && (
        <button type="button" className="cruddur-button cruddur-small" disabled={isLoadingMore} onClick={() => void list.loadMore()}>
          {text(isLoadingMore ? 'loading' : 'block.more')}
        </button>
      )}
      {moreError !== null && <p className="cruddur-problem">{explain(texts, moreError)}</p>}
    </div>
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
