/** The texts of the page in English, in the syntax of ICU MessageFormat. `{app}` is the name of the application. */
export const en = {
  app: 'Cruddur Messages',
  title: '{title} · {app}',
  'title.unread': '({count}) {title}',

  'signIn.noStorage':
    'This browser does not let the page store anything. Allow cookies and site data for this page, then reload it.',
  'signIn.noToken': 'The sign-in page returned no token that identifies you.',
  'signIn.otherWindow': 'It was started in another window, or too long ago. Try again.',
  'signIn.noEndpoint': "The issuer's discovery document has no token endpoint.",
  'signIn.connectTo':
    "config.json: add \"{origin}\" to \"connect_to\": it is the origin of the issuer''s token endpoint.",
  'signIn.timeout': 'The sign-in page does not respond.',
  'signIn.refused': 'The sign-in page responded with an error.',
  'signIn.unreachable': "The sign-in page can't be reached.",
  'signIn.notLoaded': 'A part of this page could not be loaded. Reload the page and try again.',
  'signIn.unknown': 'Something went wrong.',

  'screen.skip': 'Skip to the conversation',
  'screen.overview': 'Overview',
  'screen.messages': 'Messages',
  'screen.hintTitle': 'Your messages',
  'screen.hint': "Choose a conversation from the list, or start one with someone's handle.",

  'banner.ended': 'Your session has ended. What you have written is kept.',
  'banner.signInFailed': 'Sign-in failed: {problem}',
  'banner.signInAgain': 'Sign in again',
  'banner.troubled': "The server can't be reached at the moment. Trying again…",
  'banner.offline': 'You are offline. Messages and changes are sent when you are back online.',

  settings: 'Settings',
  signOut: 'Sign out',
  'signOut.label': 'Sign out?',
  'signOut.unsent':
    '{count, plural, one {One message has not been sent yet.} other {# messages have not been sent yet.}} Signing out deletes unsent messages from this device.',
  'signOut.drafts':
    '{count, plural, one {One draft has not been sent.} other {# drafts have not been sent.}} Signing out deletes drafts from this device.',
  'signOut.leave': 'Sign out and delete',
  'signOut.stay': 'Stay',

  tryAgain: 'Try again',

  'fault.title': 'Something went wrong',
  'fault.partTitle': 'Something went wrong here',
  'fault.text':
    'This is a bug in the page. What you have written is kept on this device. Try again, or reload the page.',
  'fault.reload': 'Reload',
  'fault.all': 'All conversations',
  'fault.more': 'If that does not help',
  'fault.copy':
    'Copy what you need, then delete your unsent messages and drafts from this device. Signing out deletes them too.',
  'fault.delete': 'Delete unsent texts and reload',
} as const;

export type TextKey = keyof typeof en;
export type Catalog = Readonly<Record<TextKey, string>>;
