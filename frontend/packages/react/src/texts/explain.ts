import { type Code, MAX_LENGTH, type Reason, reasonOf } from '@cruddur/client';
import type { BaseTextKey } from './en.ts';
import type { BaseTexts } from './messages-texts.ts';

/** The text for an error. */
export function explain(texts: BaseTexts, error: unknown): string {
  return explainReason(texts, reasonOf(error));
}

export function explainReason(texts: BaseTexts, reason: Reason): string {
  const { text } = texts;
  switch (reason.kind) {
    case 'client':
    case 'other-version':
      return text('error.client');
    case 'api':
      return explainCodes(texts, reason.codes) ?? statusText(text, reason.status);
  }
}

/** Returns null without codes, or with a code that has no text: the texts of most codes are loaded with a conversation. */
function explainCodes({ has, text }: BaseTexts, codes: readonly Code[]): string | null {
  const keys = codes.map((code) => `code.${code}`);
  return codes.length > 0 && keys.every(has) ? keys.map((key) => text(key as BaseTextKey, { max: MAX_LENGTH })).join(' ') : null;
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
