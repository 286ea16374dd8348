import { type Attention, type Bubble, type Change, type Entry, attention, conversationKey, conversationOf, delayReason, stateOf } from '@cruddur/client';
import { memo, use, useId } from 'react';
import { useClient, useComponents } from '../context.ts';
import { useOutbox, useSession } from '../hooks/data.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explainAttention, explainChange, explainEntry } from '../texts/attention.ts';
import { storedMessage } from '../stored-message.ts';
import { isLargeEmoji } from '../texts/emoji.ts';
import { ClockTime } from './clock-time.tsx';
import { ConversationContext } from './conversation-context.ts';
import { ClockIcon, MoreIcon } from './icon.tsx';
import { AlertIcon, ReplyIcon, SeenIcon, SentIcon } from './icons.tsx';
import { MessageEditor } from './message-editor.tsx';
import { MessageText } from './message-text.tsx';
import { QuotedMessage } from './quoted-message.tsx';
import { Reactions } from './reactions.tsx';
import { Avatar as DefaultAvatar } from './avatar.tsx';

/** The props of a message. */
export interface BubbleItemProps {
  bubble: Bubble;
  /** Whether it is the last own message that the server has stored. */
  isLastSent?: boolean;
  /** Whether it is the last own message that the other user has read. */
  isSeen?: boolean;
  /** Whether a text field is in its place. */
  isEditing?: boolean;
}

/**
 * One message. Before a pause, its time is below; otherwise, pointer and focus show it beside the message. An own message
 * shows its delivery status if it is not sent yet, the last one sent, or the last one seen.
 */
export const BubbleItem = memo(function BubbleItem({ bubble, isLastSent = false, isSeen = false, isEditing = false }: BubbleItemProps) {
  const { entry, own, first, last, beforePause, at, isEdited, isDeleted, quote, changes } = bubble;
  const { Avatar = DefaultAvatar } = useComponents();
  const conversation = use(ConversationContext);
  const { text, rich } = useTexts();
  const id = useId();
  const classes = ['cruddur-message', own ? 'cruddur-own' : 'cruddur-others', first && 'cruddur-first', last && 'cruddur-last'].filter(Boolean);
  const name = own ? text('message.you') : <bdi key="name">{bubble.name}</bdi>;
  const isLarge = quote === null && isLargeEmoji(bubble.text);
  const isSent = entry === null || entry.state.name === 'sent';
  const hasMetaBelow = beforePause || isEdited || isSeen || isLastSent || (last && !isSent);
  const isChanging = changes.some(({ action, problem }) => action.kind !== 'react' && problem === null);
  const meta = (
    <div id={`${id}-meta`} className="cruddur-message-meta">
      {isEdited && <span>{text('message.edited')}</span>}
      <ClockTime at={at} />
      {isChanging ? <Sending /> : own && !isDeleted && <Status entry={entry} isMarked={isLastSent} isSeen={isSeen} isBelow={hasMetaBelow} />}
    </div>
  );
  return (
    <article
      className={classes.join(' ')}
      data-key={bubble.key}
      data-state={changes.some(({ problem }) => problem === null) ? 'changing' : (entry?.state.name ?? 'listed')}
      tabIndex={-1}
      aria-labelledby={`${id}-from ${id}`}
      aria-describedby={`${id}-meta`}
    >
      <span id={`${id}-from`} className="cruddur-visually-hidden">
        {rich('message.from', { name })}{' '}
      </span>
      <div className="cruddur-message-line">
        {!own && last && <Avatar name={bubble.name} handle={bubble.handle} small />}
        {isEditing && conversation !== null ? (
          <div id={id} className="cruddur-bubble cruddur-editing">
            <MessageEditor
              text={bubble.text}
              typed={conversation.readEdit()}
              onType={conversation.writeEdit}
              onSave={(changed) => conversation.save(bubble, changed)}
              onEnd={conversation.endEdit}
            />
          </div>
        ) : (
          <div id={id} className={`cruddur-bubble${isDeleted ? ' cruddur-gone' : ''}${isLarge ? ' cruddur-large' : ''}`}>
            {quote !== null && (
              <button type="button" className="cruddur-quote" onClick={() => conversation?.show(quote.uuid)}>
                <QuotedMessage quote={quote} />
              </button>
            )}
            {isDeleted ? <p>{text(own ? 'message.deletedByYou' : 'message.deleted')}</p> : <MessageText text={bubble.text} />}
          </div>
        )}
        <div className="cruddur-message-aside">
          {conversation !== null && (
            <button type="button" className="cruddur-icon-button cruddur-more" data-menu aria-label={text('message.menu')} aria-haspopup="menu" tabIndex={-1}>
              <MoreIcon />
            </button>
          )}
          {conversation?.isBlocked === false && storedMessage(bubble) !== null && (
            <button type="button" className="cruddur-icon-button cruddur-more" aria-label={text('menu.reply')} title={text('menu.reply')} tabIndex={-1} onClick={() => conversation.reply(bubble)}>
              <ReplyIcon />
            </button>
          )}
          {!hasMetaBelow && meta}
        </div>
      </div>
      {bubble.reactions.length > 0 && <Reactions bubble={bubble} />}
      {hasMetaBelow && meta}
      {changes.map((change) => change.problem !== null && <ChangeProblem key={change.id} change={change} />)}
    </article>
  );
});

interface StatusProps {
  entry: Entry | null;
  /** Whether a sent message has a mark. */
  isMarked: boolean;
  isSeen: boolean;
  /** Whether the status is below the message, not beside it. */
  isBelow: boolean;
}

function Status({ entry, isMarked, isSeen, isBelow }: StatusProps) {
  const { text } = useTexts();
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
      isMarked && (
        <span className="cruddur-status">
          <SentIcon />
          <span className="cruddur-visually-hidden">{text('message.sent')}</span>
        </span>
      )
    );
  }
  const problem = attention(entry);
  return problem === null ? <Pending entry={entry} isBelow={isBelow} /> : <Unsent entry={entry} problem={problem} />;
}

/** The status of an edit or a deletion that is not stored yet. */
function Sending() {
  const { text } = useTexts();
  return (
    <span className="cruddur-status cruddur-sending">
      <ClockIcon />
      <span className="cruddur-visually-hidden">{text('message.sending')}</span>
    </span>
  );
}

/** The status of a message that is sent without its author's help. */
function Pending({ entry, isBelow }: { entry: Entry; isBelow: boolean }) {
  const { outbox } = useClient();
  const session = useSession();
  const texts = useTexts();
  const { text } = texts;
  const hasMenu = use(ConversationContext) !== null;
  // Later messages of the conversation wait for the first one.
  const first = useOutbox().find((other) => delayReason(other) !== null && conversationOf(other) === conversationOf(entry));
  const delay = session === 'ended' ? text('message.afterSignIn') : explainEntry(texts, first ?? entry);
  return (
    <span className={delay === null ? 'cruddur-status cruddur-sending' : 'cruddur-status'}>
      <ClockIcon />
      <span className={isBelow ? undefined : 'cruddur-visually-hidden'}>{delay ?? text('message.sending')}</span>
      {!hasMenu && delay !== null && (
        <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={() => outbox.discard(entry.id)}>
          {text('message.delete')}
        </button>
      )}
    </span>
  );
}

/** The status of a message that its author has to send again or delete. */
function Unsent({ entry, problem }: { entry: Entry; problem: Attention }) {
  const { outbox } = useClient();
  const texts = useTexts();
  const { text } = texts;
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
  const client = useClient();
  const { changes } = stateOf(client);
  const texts = useTexts();
  const { text } = texts;

  function dismiss() {
    changes.dismiss(change.id);
    if (change.action.kind === 'edit') {
      // The text is not lost: it can be sent as a new message.
      client.drafts.add(conversationKey({ kind: 'group', uuid: change.group }), change.action.text);
    }
  }

  return (
    <p className="cruddur-change-problem" role="alert">
      <AlertIcon />
      <span>{explainChange(texts, change)}</span>
      <button type="button" className="cruddur-button cruddur-small" onClick={() => changes.retry(change.id)}>
        {text('message.retry')}
      </button>
      <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={dismiss}>
        {text('message.dismiss')}
      </button>
    </p>
  );
}
