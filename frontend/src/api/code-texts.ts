import type { Code } from './types.ts';

/** The text shown for each error code. A new code of the API fails to compile here. */
export const CODE_TEXTS: Record<Code, string> = {
  body_invalid: 'The server could not read this message.',
  user_not_provisioned: 'Your account is not set up for messages yet.',
  message_group_not_found: 'This conversation does not exist, or you are not in it.',
  user_not_found: 'There is no such user.',
  body_too_large: 'This message is too large.',
  message_group_uuid_blank: 'The address of this conversation is incomplete.',
  message_group_uuid_invalid: 'The address of this conversation is not valid.',
  user_uuid_invalid: 'The server does not recognize the recipient of this message.',
  user_reciever_handle_blank: 'This message needs a recipient.',
  user_reciever_not_found: 'There is no user to receive this message.',
  user_reciever_is_sender: "You can't write to yourself.",
  message_blank: 'A message needs some text.',
  message_exceed_max_chars: 'This message is longer than 1024 characters.',
  limit_invalid: 'The list could not be loaded. Reload the page.',
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
