/** The texts of a conversation in English. They are loaded with it. */
export const en = {
  'conversation.label': 'Conversation',
  'conversation.back': 'Back to the conversations',
  'conversation.all': 'All conversations',
  'conversation.loading': 'Loading the conversation…',
  'conversation.none': 'No such conversation',
  'conversation.notLoaded': 'This conversation could not be loaded',
  'conversation.addressInvalid': 'The address of this conversation is not valid.',
  'conversation.noUser': 'No such user',
  'conversation.userNotLoaded': 'This user could not be loaded',
  'conversation.self': 'That is you',
  'conversation.selfText': "You can't write to yourself.",
  'conversation.begins': 'This is where your conversation begins.',
  'conversation.beginsWith': 'This is where your conversation with {name} begins.',
  'conversation.noMessages': 'No messages with {name} yet.',
  'conversation.writeFirst': 'Write the first one below.',

  'messages.label': 'Messages',
  'messages.older': 'Load older messages',
  'messages.toNewest': 'To the newest message',
  'messages.new': '{count, plural, one {# new message} other {# new messages}}',
  'message.you': 'You',
  'message.from': '{name}:',
  'message.sent': 'Sent',
  'message.sending': 'Sending…',
  'message.afterSignIn': 'Will be sent when you sign in again',
  'message.failed': 'Not sent. {reason}',
  'message.tooOld': 'Not sent for more than a day. Send it now?',
  'message.toHandle': 'Not sent. The handle may have changed hands. Send it to the current {handle}?',
  'message.retrying': 'Not sent yet. {reason} Trying again…',
  'message.sendNow': 'Send now',
  'message.retry': 'Retry',
  'message.delete': 'Delete',
  'message.announceProblem': 'Your message: {problem}',
  'message.announce': '{name}: {text}',

  'composer.label': 'Write a message',
  'composer.field': 'Message to {name}',
  'composer.fieldUnknown': 'Message to this conversation',
  'composer.placeholder': 'Write a message',
  'composer.send': 'Send',
  'composer.sendHint': 'Send (Enter)',
  'composer.left': '{count, plural, one {# character left} other {# characters left}}',
  'composer.over': '{count, plural, one {# character too many} other {# characters too many}}',
  'composer.tooLong':
    'This text is too long for a draft: only the first {max, plural, one {# character is} other {# characters are}} kept when you leave.',

  'successor.label': 'To whom?',
  'successor.question':
    '{handle} now belongs to {now}. When you wrote this, it belonged to {before}. Who do you want to write to?',
} as const;

export type ConversationTextKey = keyof typeof en;
