/** The texts of the pages around the messages. They are loaded with these pages. */
export const en = {
  about: 'Direct messages between two people.',

  'welcome.signIn': 'Sign in',
  'welcome.leaving': 'One moment…',
  'welcome.failed': 'Sign-in failed. {problem}',
  'welcome.onlyHere': 'Only in this tab',
  'welcome.onlyHereYes': 'You are signed out when you close this tab. Other tabs are not signed in.',
  'welcome.onlyHereNo': 'You stay signed in on this device, in all tabs, until you sign out.',
  'welcome.copy': 'This tab is a copy of another tab. Only the original stays signed in.',

  'handle.you': 'You are {handle}; people need this handle to write to you.',
  'handle.missing': 'You did not choose a handle when you signed up.',
  'handle.malformed':
    "“{requested}” can't be a handle. Handles have at most {max, plural, one {# character} other {# characters}}: letters, digits, and . _ - only.",
  'handle.taken': '{requested} was taken.',
  'handle.changed': 'You are no longer {requested}.',
  'handle.ok': 'OK',

  'notFound.title': 'Page not found',
  'notFound.text': 'There is nothing at this address.',
  'notFound.link': 'Go to your messages',

  'account.title': 'Account not set up',
  'account.heading': 'Your account is not set up yet',
  'account.text':
    'You are signed in, but this account is not set up in Cruddur yet. A new account may take a moment. If it takes longer, contact the administrator.',
  'account.textAs':
    'You are signed in as {handle}, but this account is not set up in Cruddur yet. A new account may take a moment. If it takes longer, contact the administrator.',

  'config.title': "{app} can't start",
  'config.text':
    "The file {file} next to this page sets the addresses of the API and the issuer. The web client's README describes its fields.",
} as const;

export type PagesTextKey = keyof typeof en;
export type PagesCatalog = Readonly<Record<PagesTextKey, string>>;
