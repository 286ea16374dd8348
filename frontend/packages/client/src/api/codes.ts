import type { Code } from './types.ts';

/** The API's error codes. A new code in `openapi.yaml` fails to compile here. */
const CODES: Record<Code, true> = {
  body_invalid: true,
  user_not_provisioned: true,
  user_blocked: true,
  message_not_accepted: true,
  message_not_yours: true,
  edit_window_over: true,
  message_group_not_found: true,
  message_not_found: true,
  user_not_found: true,
  message_deleted: true,
  reaction_limit: true,
  body_too_large: true,
  message_group_uuid_blank: true,
  message_group_uuid_invalid: true,
  user_uuid_invalid: true,
  user_reciever_handle_blank: true,
  user_reciever_not_found: true,
  user_reciever_is_sender: true,
  message_blank: true,
  message_exceed_max_chars: true,
  limit_invalid: true,
  cursor_invalid: true,
  cursor_expired: true,
  idempotency_key_invalid: true,
  idempotency_key_reused: true,
  message_uuid_invalid: true,
  created_at_invalid: true,
  reaction_invalid: true,
  reply_to_invalid: true,
  display_name_invalid: true,
  prefix_invalid: true,
  user_is_caller: true,
  muted_until_invalid: true,
  cleared_invalid: true,
  reason_invalid: true,
  rate_limited: true,
  internal_error: true,
  unavailable: true,
};

export function isCode(value: unknown): value is Code {
  return typeof value === 'string' && Object.hasOwn(CODES, value);
}
