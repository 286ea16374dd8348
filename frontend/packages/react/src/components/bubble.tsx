import { type Bubble, type Entry, attention } from '@cruddur/client';
import { memo } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useSession } from '../hooks/data.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explainAttention } from '../texts/attention.ts';
import { exactTime } from '../texts/formats.ts';
import { AlertIcon, ClockIcon, SentIcon } from './icons.tsx';
import { ClockTime } from './moment.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a message. */
export interface BubbleItemProps {
  bubble: Bubble;
}

/** One message. An own message has its delivery status below. */
export const BubbleItem = memo(function BubbleItem({ bubble }: BubbleItemProps) {
  const { entry, own, first, last, at } = bubble;
  const { Avatar = DefaultAvatar } = useComponents();
  const { locale, text, rich } = useTexts();
  const classes = ['cruddur-message', own ? 'cruddur-own' : 'cruddur-others', first && 'cruddur-first', last && 'cruddur-last'].filter(Boolean);
  const name = own ? text('message.you') : <bdi key="name">{bubble.name}</bdi>;
  return (
    <div className={classes.join(' ')} data-key={bubble.key} data-state={entry?.state.name ?? 'listed'}>
      {!own && last && <Avatar name={bubble.name} handle={bubble.handle} small />}
      <div className="cruddur-message-body">
        <span className="cruddur-visually-hidden">{rich('message.from', { name })} </span>
        <div className="cruddur-bubble" title={exactTime(locale, at)}>
          <p dir="auto">{bubble.text}</p>
        </div>
        <div className={last ? 'cruddur-message-meta' : 'cruddur-visually-hidden'}>
          <ClockTime at={at} />
          {own && <Status entry={entry} />}
        </div>
      </div>
    </div>
  );
});

function Status({ entry }: { entry: Entry | null }) {
  const { outbox } = useClient();
  const session = useSession();
  const texts = useTexts();
  const { text } = texts;
  if (entry === null || entry.state.name === 'sent') {
    return (
      <span className="cruddur-status">
        <SentIcon />
        <span className="cruddur-visually-hidden">{text('message.sent')}</span>
      </span>
    );
  }
  const problem = attention(entry);
  if (problem === null) {
    return (
      <span className="cruddur-status">
        <ClockIcon />
        {text(session === 'ended' ? 'message.afterSignIn' : 'message.sending')}
      </span>
    );
  }
  return (
    <span className="cruddur-status cruddur-attention">
      <span className="cruddur-status-text">
        <AlertIcon />
        {explainAttention(texts, problem)}
      </span>
      <span className="cruddur-status-buttons">
        <button type="button" className="cruddur-button cruddur-small" onClick={() => outbox.retry(entry.id)}>
          {text(entry.state.name === 'held' ? 'message.sendNow' : 'message.retry')}
        </button>
        <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={() => outbox.discard(entry.id)}>
          {text('message.delete')}
        </button>
      </span>
    </span>
  );
}
