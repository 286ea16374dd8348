import { ApiError } from './api-error.ts';
import type { Code } from './types.ts';

/** What each code means to the person who reads it. A code that the API gains is a compile error here. */
const CODE_TEXTS: Record<Code, string> = {
  body_invalid: 'The server could not read this message.',
  user_not_provisioned: 'Your account is not set up for messages yet.',
  message_group_not_found: 'This conversation does not exist, or you are not in it.',
  user_not_found: 'There is no such user.',
  body_too_large: 'This message is too large.',
  message_group_uuid_blank: 'The address of this conversation is incomplete.',
  message_group_uuid_invalid: 'The address of this conversation is wrong.',
  user_reciever_handle_blank: 'Say to whom this message goes.',
  user_reciever_not_found: 'There is no user with this handle.',
  user_reciever_is_sender: "You can't write to yourself.",
  message_blank: 'A message needs some text.',
  message_exceed_max_chars: 'This message is longer than 1024 characters.',
  limit_invalid: 'The list could not be loaded: this page asks for it in a way the server does not know.',
  cursor_invalid: 'The list could not be continued. Reload the page.',
  idempotency_key_invalid: 'This message could not be sent. Copy its text, delete it and write it again.',
  idempotency_key_reused: 'This message was already sent with another text.',
  rate_limited: 'Too many messages in a short time. Wait a moment.',
  internal_error: 'Something went wrong on the server.',
  unavailable: 'The server is not available at the moment.',
};

export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODE_TEXTS, value);
}

/** What went wrong, in plain words. */
export function explain(error: unknown): string {
  if (!(error instanceof ApiError)) {
    return 'Something went wrong on this page. Reload it.';
  }
  if (error.codes.length > 0) {
    return error.codes.map((code) => CODE_TEXTS[code]).join(' ');
  }
  return statusText(error.status);
}

/** For the answers of a gateway, which come without codes. */
function statusText(status: number): string {
  switch (status) {
    case 0:
      return "The server can't be reached.";
    case 401:
      return 'Your session has ended. Sign in again.';
    case 403:
      return 'The server does not allow this.';
    case 404:
      return 'The server does not know this address.';
    case 413:
      return CODE_TEXTS.body_too_large;
    case 429:
      return 'Too many requests in a short time. Wait a moment.';
    case 500:
      return CODE_TEXTS.internal_error;
    case 408:
    case 502:
    case 503:
    case 504:
      return CODE_TEXTS.unavailable;
    default:
      return `The server answered with an error (${status}).`;
  }
}
