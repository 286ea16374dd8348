/**
 * The texts of the inbox and the search in English, and those of errors of lists, in the syntax of ICU MessageFormat.
 *
 * `<b>` and other tags stand for elements that the component puts there.
 */
export const en = {
  'inbox.label': 'Conversations',
  'inbox.empty': "No conversations here. Enter someone's handle above to write to them.",
  'inbox.more': 'Show more conversations',
  'inbox.new': 'New conversation',
  'inbox.notSent': 'Not sent',
  'inbox.you': 'You:',
  'inbox.draft': 'Draft:',
  'inbox.deleted': 'Message deleted',
  'inbox.cleared': 'No messages',
  'inbox.muted': 'Muted',
  'inbox.unread': '{count, plural, one {# unread message} other {# unread messages}}',
  'inbox.unreadMany': 'More than {count, plural, one {# unread message} other {# unread messages}}',
  'inbox.menu': 'Conversation menu',
  loading: 'Loading…',
  tryAgain: 'Try again',

  'start.label': 'Search',
  'start.field': 'Search conversations and people',
  'start.placeholder': 'Search by name or handle',

  'time.now': 'now',
  'time.minutes': '{count, number} min',
  'time.today': 'Today',
  'time.yesterday': 'Yesterday',

  'error.client': 'Something went wrong on this page. Reload it.',
  'error.unreachable': "The server can't be reached.",
  'error.401': 'Your session has ended. Sign in again.',
  'error.403': 'The server does not allow this.',
  'error.404': 'The server has nothing at this address.',
  'error.429': 'Too many requests in a short time. Wait a moment.',
  'error.status': 'The server answered with an error ({status}).',

  'code.user_not_provisioned': 'Your account is not set up for messages yet.',
  'code.body_too_large': 'This message is too large.',
  'code.rate_limited': 'Too many messages in a short time. Wait a moment.',
  'code.internal_error': 'Something went wrong on the server.',
  'code.unavailable': 'The server is not available at the moment.',
} as const;

export type BaseTextKey = keyof typeof en;
