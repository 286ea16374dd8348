import { type Attention, type Change, type Entry, attention, delayReason } from '@cruddur/client';
import { explainReason } from './explain.ts';
import type { MessagesTexts } from './messages-texts.ts';

/** Why a message needs its author's attention. */
export function explainAttention(texts: MessagesTexts, why: Attention): string {
  const { text } = texts;
  switch (why.kind) {
    case 'failed':
      return text('message.failed', {
        reason: why.reason.kind === 'other-version' ? text('message.otherVersion') : explainReason(texts, why.reason),
      });
    case 'too-old':
      return text('message.tooOld');
    case 'to-handle':
      return text('message.toHandle', { handle: `@${why.handle}` });
  }
}

/** Attempts after which the reason for a delay is shown. Most delays end with the next attempt. */
const UNEXPLAINED_ATTEMPTS = 2;

/** Why a message is not sent; null if nothing is wrong. */
export function explainEntry(texts: MessagesTexts, entry: Entry): string | null {
  const problem = attention(entry);
  if (problem !== null) {
    return explainAttention(texts, problem);
  }
  const reason = delayReason(entry);
  if (reason === null) {
    return null;
  }
  if (reason.kind === 'api' && reason.status === 0) {
    return texts.text('message.unreachable');
  }
  return entry.attempts > UNEXPLAINED_ATTEMPTS
    ? texts.text('message.retrying', { reason: explainReason(texts, reason) })
    : texts.text('message.delayed');
}

/** Why a change of a message failed. */
export function explainChange(texts: MessagesTexts, { action, problem }: Change): string {
  const reason = problem === null ? '' : explainReason(texts, problem);
  switch (action.kind) {
    case 'edit':
      return texts.text('message.notChanged', { reason });
    case 'delete':
      return texts.text('message.notDeleted', { reason });
    case 'react':
      return texts.text('message.notReacted', { reason });
  }
}
