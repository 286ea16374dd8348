import { type Bubble, type Change, type Entry, attention, stateOf } from '@cruddur/client';
import { memo, use, useId } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useSession } from '../hooks/data.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explainAttention, explainChange } from '../texts/attention.ts';
import { exactTime } from '../texts/formats.ts';
import { ClockTime } from './clock-time.tsx';
import { ConversationContext } from './conversation-context.ts';
import { MoreIcon } from './icon.tsx';
import { AlertIcon, ClockIcon, SeenIcon, SentIcon } from './icons.tsx';
import { MessageEditor } from './message-editor.tsx';
import { MessageText } from './message-text.tsx';
import { QuotedMessage } from './quoted-message.tsx';
import { Reactions } from './reactions.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a message. */
export interface BubbleItemProps {
  bubble: Bubble;
  /** Whether it is the last own message that the other user has read. */
  isSeen?: boolean;
  /** Whether a text field is in its place. */
  isEditing?: boolean;
}

/** One message. An own message has its delivery status below. */
export const BubbleItem = memo(function BubbleItem({ bubble, isSeen = false, isEditing = false }: BubbleItemProps) {
  const { entry, own, first, last, at, isEdited, isDeleted, quote, changes } = bubble;
  const { Avatar = DefaultAvatar } = useComponents();
  const conversation = use(ConversationContext);
  const { locale, text, rich } = useTexts();
  const id = useId();
  const classes = ['cruddur-message', own ? 'cruddur-own' : 'cruddur-others', first && 'cruddur-first', last && 'cruddur-last'].filter(Boolean);
  const name = own ? text('message.you') : <bdi key="name">{bubble.name}</bdi>;
  return (
    <article
      className={classes.join(' ')}
      data-key={bubble.key}
      data-state={changes.some(({ problem }) => problem === null) ? 'changing' : (entry?.state.name ?? 'listed')}
      tabIndex={-1}
      aria-labelledby={`${id}-from ${id}`}
    >
      {!own && last && <Avatar name={bubble.name} handle={bubble.handle} small />}
      <div className="cruddur-message-body">
        <span id={`${id}-from`} className="cruddur-visually-hidden">
          {rich('message.from', { name })}{' '}
        </span>
        {isEditing && conversation !== null ? (
          <div id={id} className="cruddur-bubble cruddur-editing">
            <MessageEditor
              text={bubble.text}
              onSave={(changed) => conversation.save(bubble, changed)}
              onCancel={conversation.cancelEdit}
            />
          </div>
        ) : (
          <div id={id} className={isDeleted ? 'cruddur-bubble cruddur-gone' : 'cruddur-bubble'} title={exactTime(locale, at)}>
            {quote !== null && (
              <button type="button" className="cruddur-quote" onClick={() => conversation?.show(quote.uuid)}>
                <QuotedMessage quote={quote} />
              </button>
            )}
            {isDeleted ? <p>{text(own ? 'message.deletedByYou' : 'message.deleted')}</p> : <MessageText text={bubble.text} />}
          </div>
        )}
        {conversation !== null && (
          <button type="button" className="cruddur-icon-button cruddur-more" data-menu aria-label={text('message.menu')} aria-haspopup="menu" tabIndex={-1}>
            <MoreIcon />
          </button>
        )}
        {bubble.reactions.length > 0 && <Reactions bubble={bubble} />}
        <div className={last || isSeen || isEdited ? 'cruddur-message-meta' : 'cruddur-visually-hidden'}>
          {isEdited && <span>{text('message.edited')}</span>}
          <ClockTime at={at} />
          {own && !isDeleted && <Status entry={entry} isSeen={isSeen} />}
        </div>
        {changes.map((change) => change.problem !== null && <ChangeProblem key={change.id} change={change} />)}
      </div>
    </article>
  );
});

function Status({ entry, isSeen }: { entry: Entry | null; isSeen: boolean }) {
  const { outbox } = useClient();
  const session = useSession();
  const texts = useTexts();
  const { text } = texts;
  if (isSeen) {
    return (
      <span className="cruddur-status">
        <SeenIcon />
        {text('message.seen')}
      </span>
    );
  }
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
  const isReplyGone = isReplyToNothing(entry);
  return (
    <span className="cruddur-status cruddur-attention">
      <span className="cruddur-status-text">
        <AlertIcon />
        {isReplyGone ? text('message.replyGone') : explainAttention(texts, problem)}
      </span>
      <span className="cruddur-status-buttons">
        {isReplyGone ? (
          <button type="button" className="cruddur-button cruddur-small" onClick={() => outbox.retryWithoutReply(entry.id)}>
            {text('message.sendAlone')}
          </button>
        ) : (
          <button type="button" className="cruddur-button cruddur-small" onClick={() => outbox.retry(entry.id)}>
            {text(entry.state.name === 'held' ? 'message.sendNow' : 'message.retry')}
          </button>
        )}
        <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={() => outbox.discard(entry.id)}>
          {text('message.delete')}
        </button>
      </span>
    </span>
  );
}

/** Whether a reply was rejected because the message to which it replies is deleted. */
function isReplyToNothing({ replyTo, state }: Entry): boolean {
  const codes = state.name === 'failed' && state.reason.kind === 'api' ? state.reason.codes : [];
  return replyTo !== undefined && codes.some((code) => code === 'message_deleted' || code === 'message_not_found');
}

/** Why a change of the message failed. */
function ChangeProblem({ change }: { change: Change }) {
  const { changes } = stateOf(useClient());
  const texts = useTexts();
  const { text } = texts;
  return (
    <p className="cruddur-change-problem" role="alert">
      <AlertIcon />
      <span>{explainChange(texts, change)}</span>
      <button type="button" className="cruddur-button cruddur-small" onClick={() => changes.retry(change.id)}>
        {text('message.retry')}
      </button>
      <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={() => changes.dismiss(change.id)}>
        {text('message.dismiss')}
      </button>
    </p>
  );
}
