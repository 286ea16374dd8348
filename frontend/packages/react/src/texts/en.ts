/**
 * The texts of the inbox and the search in English, and those of errors, in the syntax of ICU MessageFormat.
 *
 * `<b>` and other tags stand for elements that the component puts there.
 */
export const en = {
  'inbox.label': 'Conversations',
  'inbox.empty': "No conversations yet. Enter someone's handle above to write the first message.",
  'inbox.more': 'Show more conversations',
  'inbox.new': 'New conversation',
  'inbox.notSent': 'Not sent',
  loading: 'Loading…',
  tryAgain: 'Try again',

  'start.label': 'Start a conversation',
  'start.field': 'Start a conversation by handle',
  'start.placeholder': 'Write to a handle',
  'start.rule':
    'Handles have at most {max, plural, one {# character} other {# characters}}: letters, digits, and . _ - only.',
  'start.looking': 'Looking for {handle}…',
  'start.none': 'There is no user {handle}.',
  'start.self': 'That is you.',
  'start.writeTo': 'Write to',

  'time.now': 'now',
  'time.minutes': '{count, number} min',
  'time.today': 'Today',
  'time.yesterday': 'Yesterday',

  'error.client': 'Something went wrong on this page. Reload it.',
  'error.otherVersion': 'It was saved by another version of this page. Send it again, or delete it.',
  'error.unreachable': "The server can't be reached.",
  'error.401': 'Your session has ended. Sign in again.',
  'error.403': 'The server does not allow this.',
  'error.404': 'The server has nothing at this address.',
  'error.429': 'Too many requests in a short time. Wait a moment.',
  'error.status': 'The server answered with an error ({status}).',

  'code.body_invalid': 'The server could not read this message.',
  'code.user_not_provisioned': 'Your account is not set up for messages yet.',
  'code.message_group_not_found': 'This conversation does not exist, or you are not in it.',
  'code.user_not_found': 'There is no such user.',
  'code.body_too_large': 'This message is too large.',
  'code.message_group_uuid_blank': 'The address of this conversation is incomplete.',
  'code.message_group_uuid_invalid': 'The address of this conversation is not valid.',
  'code.user_uuid_invalid': 'The server does not recognize the recipient of this message.',
  'code.user_reciever_handle_blank': 'This message needs a recipient.',
  'code.user_reciever_not_found': 'There is no user to receive this message.',
  'code.user_reciever_is_sender': "You can't write to yourself.",
  'code.message_blank': 'A message needs some text.',
  'code.message_exceed_max_chars':
    'This message is longer than {max, plural, one {# character} other {# characters}}.',
  'code.limit_invalid': 'The list could not be loaded. Reload the page.',
  'code.cursor_invalid': 'The list could not be continued. Reload the page.',
  'code.cursor_expired': 'The list could not be continued. Reload the page.',
  'code.idempotency_key_invalid': 'This message could not be sent. Copy its text, delete it and write it again.',
  'code.idempotency_key_reused': 'This message was already sent with another text.',
  'code.rate_limited': 'Too many messages in a short time. Wait a moment.',
  'code.internal_error': 'Something went wrong on the server.',
  'code.unavailable': 'The server is not available at the moment.',
} as const;

export type BaseTextKey = keyof typeof en;
