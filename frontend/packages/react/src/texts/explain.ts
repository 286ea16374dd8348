import { MAX_LENGTH, type Reason, reasonOf } from '@cruddur/client';
import type { BaseTexts } from './messages-texts.ts';

/** The text for an error. */
export function explain(texts: BaseTexts, error: unknown): string {
  return explainReason(texts, reasonOf(error));
}

export function explainReason({ text }: BaseTexts, reason: Reason): string {
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

/** The text for a gateway's response, which has no codes. */
function statusText(text: BaseTexts['text'], status: number): string {
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
