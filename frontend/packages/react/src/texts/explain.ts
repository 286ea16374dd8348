import { type Attention, MAX_LENGTH, type Reason, reasonOf } from '@cruddur/client';
import type { MessagesTexts } from './messages-texts.ts';

/** The text for an error. */
export function explain(texts: MessagesTexts, error: unknown): string {
  return explainReason(texts, reasonOf(error));
}

export function explainReason({ text }: MessagesTexts, reason: Reason): string {
  switch (reason.kind) {
    case 'client':
      return text('error.client');
    case 'other-version':
      return text('error.otherVersion');
    case 'api':
      return reason.codes.length > 0
        ? reason.codes.map((code) => text(`code.${code}`, { max: MAX_LENGTH })).join(' ')
        : statusText(text, reason.status);
  }
}

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

/** The text for a gateway's response, which has no codes. */
function statusText(text: MessagesTexts['text'], status: number): string {
  switch (status) {
    case 0:
      return text('error.unreachable');
    case 401:
    case 403:
    case 404:
    case 429:
      return text(`error.${status}`);
    case 413:
      return text('code.body_too_large');
    case 500:
      return text('code.internal_error');
    case 408:
    case 502:
    case 503:
    case 504:
      return text('code.unavailable');
    default:
      return text('error.status', { status: String(status) });
  }
}
