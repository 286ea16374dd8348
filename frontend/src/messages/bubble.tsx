import { useAccountState } from '../auth/use-account.ts';
import { AlertIcon, ClockIcon, SentIcon } from '../shell/icons.tsx';
import { useSignedIn } from '../signed-in.tsx';
import { attention } from '../outbox/attention.ts';
import type { Entry } from '../outbox/entry.ts';
import { ClockTime } from '../time/moment.tsx';
import { exactTime } from '../time/relative.ts';
import { Avatar } from '../users/avatar.tsx';
import type { Bubble } from './timeline.ts';

/** One message. An own message has its delivery status below. */
export function BubbleItem({ bubble }: { bubble: Bubble }) {
  const { entry, own, first, last, at } = bubble;
  const classes = ['message', own ? 'own' : 'others', first && 'first', last && 'last'].filter(Boolean);
  const state = entry?.state.name ?? 'listed';
  return (
    <li className={classes.join(' ')} data-key={bubble.key} data-state={state}>
      {!own && last && <Avatar name={bubble.name} handle={bubble.handle} small />}
      <div className="message-body">
        <span className="visually-hidden">{own ? 'You' : <bdi>{bubble.name}</bdi>}: </span>
        <div className="bubble" title={exactTime(at)}>
          <p dir="auto">{bubble.text}</p>
        </div>
        <div className={last ? 'message-meta' : 'visually-hidden'}>
          <ClockTime at={at} />
          {own && <Status entry={entry} />}
        </div>
      </div>
    </li>
  );
}

function Status({ entry }: { entry: Entry | null }) {
  const { account, outbox } = useSignedIn();
  const { lapsed } = useAccountState(account);
  if (entry === null || entry.state.name === 'sent') {
    return (
      <span className="status">
        <SentIcon />
        <span className="visually-hidden">Sent</span>
      </span>
    );
  }
  const problem = attention(entry);
  if (problem === null) {
    return (
      <span className="status">
        <ClockIcon />
        {lapsed ? 'Will be sent when you sign in again' : 'Sending…'}
      </span>
    );
  }
  return (
    <span className="status attention">
      <span className="status-text">
        <AlertIcon />
        {problem}
      </span>
      <span className="status-buttons">
        <button type="button" className="button small" onClick={() => outbox.retry(entry.id)}>
          {entry.state.name === 'held' ? 'Send now' : 'Retry'}
        </button>
        <button type="button" className="button small quiet" onClick={() => outbox.discard(entry.id)}>
          Delete
        </button>
      </span>
    </span>
  );
}
