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

  'settings.title': 'Settings',
  'settings.name': 'Display name',
  'settings.handle': 'People see it beside your handle, {handle}.',
  'settings.nameRule': 'A name has 1 to {max, plural, one {# character} other {# characters}}.',
  'settings.nameInvalid': 'This name can’t be used. Use letters that others can see.',
  'settings.save': 'Save',
  'settings.saved': 'Saved.',
  'settings.receipts': 'Read receipts',
  'settings.receiptsHint': 'Others see what you have read, and you see what they have read. Both of you need this setting.',
  'settings.notifications': 'Notifications in this browser',
  'settings.notificationsHint': 'Shows who wrote, and the beginning of the message, without a sound. A tab of this page has to be open.',
  'settings.notificationsDenied': 'Notifications of this page are blocked. Allow them in the settings of your browser.',
  'settings.notificationsMissing': 'This browser does not support notifications of pages.',
  'settings.theme': 'Appearance',
  'settings.themeHint': 'Only in this browser.',
  'settings.system': 'Same as device',
  'settings.light': 'Light',
  'settings.dark': 'Dark',
  'settings.keys': 'Keyboard shortcuts',
  'settings.keysShow': 'Show',
  'settings.listKey': 'The ? key shows the keyboard shortcuts',
  'settings.listKeyHint': 'Only in this browser. Turn it off if you type with your voice, or press it by mistake.',
  'settings.messagesFrom': 'Who may write to me',
  'settings.messagesFromHint': 'This is about people who are not in your inbox yet. A request is one message, until you accept it.',
  'settings.everyone': 'Everyone',
  'settings.requests': 'By request',
  'settings.nobody': 'Nobody',
  'settings.blocked': 'Blocked people',
  'settings.export': 'Your data',
  'settings.exportHint':
    'All conversations with their messages, blocked people, devices and your profile, in a file with one JSON object per line.',
  'settings.download': 'Download',
  'settings.exporting': 'Lines so far: {lines}',
  'settings.exported': 'Downloaded.',
  'settings.deleteAccount': 'Delete my account',
  'settings.deleteHint':
    'This deletes the messages that you have sent, for everyone, and removes your name from all conversations. Others keep their own messages. It can’t be undone.',
  'settings.deleteConfirm': 'Type your handle, {handle}, to confirm.',
  'settings.delete': 'Delete',
  'settings.close': 'Close',

  'devices.title': 'Devices',
  'devices.open': 'These devices are connected, or were in the last two hours.',
  'devices.none': 'No device is connected.',
  'devices.name': '{browser} on {system}',
  'devices.command': 'cruddur command',
  'devices.unknown': 'Unknown device',
  'devices.own': '{device} (this device)',
  'devices.since': 'Connected at {time}',
  'devices.everywhere': 'Sign out everywhere',
  'devices.everywhereHint':
    'Ends your sign-in on all devices, this one included, also where the app is closed. On other devices, it can take up to ten minutes.',
  'devices.question': 'Sign out on all devices, this one included?',

  'notFound.title': 'Page not found',
  'notFound.text': 'There is nothing at this address.',
  'notFound.link': 'Go to your messages',

  'account.title': 'Account not set up',
  'account.heading': 'Your account is not set up yet',
  'account.text':
    'You are signed in, but this account is not set up yet. A new account may take a moment. If it takes longer, contact the administrator.',
  'account.textAs':
    'You are signed in as {handle}, but this account is not set up yet. A new account may take a moment. If it takes longer, contact the administrator.',

  'config.title': "{app} can't start",
  'config.text':
    "The file {file} next to this page sets the addresses of the API and the issuer. The web client's README describes its fields.",
} as const;

export type PagesTextKey = keyof typeof en;
export type PagesCatalog = Readonly<Record<PagesTextKey, string>>;
