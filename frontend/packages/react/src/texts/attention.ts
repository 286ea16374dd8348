import type { Attention, Change } from '@cruddur/client';
import { explainReason } from './explain.ts';
import type { MessagesTexts } from './messages-texts.ts';

/** Why a message needs its author's attention. */
export function explainAttention(texts: MessagesTexts, attention: Attention): string {
  const { text } = texts;
  switch (attention.kind) {
    case 'failed':
      return text('message.failed', { reason: explainReason(texts, attention.reason) });
    case 'too-old':
      return text('message.tooOld');
    case 'to-handle':
      return text('message.toHandle', { handle: `@${attention.handle}` });
    case 'retrying':
      return text('message.retrying', { reason: explainReason(texts, attention.reason) });
  }
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
