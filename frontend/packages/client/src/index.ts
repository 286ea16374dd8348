export { reportError } from './report-error.ts';
export type { ErrorReport } from './reports.ts';
export { Api } from './api/api.ts';
export { searchUsers } from './api/search-api.ts';
export { ApiError, retryAfterOf } from './api/api-error.ts';
export { type Credentials, type Renewal, type TokenFunction, credentialsFrom } from './api/credentials.ts';
export type {
  BlockedUser,
  Code,
  Device,
  LogEvent,
  Me,
  Member,
  Message,
  MessageGroup,
  MessageGroupSettings,
  MessageReference,
  MessagesFrom,
  NewMessage,
  NewReport,
  Page,
  Reaction,
  ReportReason,
  SentMessage,
  Settings,
  ShownGroup,
  Unread,
  User,
} from './api/types.ts';
export { type ClientOptions, MessagesClient, type SessionState } from './client.ts';
export { FOREVER, isMuted } from './conversations/muted.ts';
export { firstUnread, lastSeen, MAX_UNREAD } from './conversations/reading.ts';
export { type Bubble, type BubbleReaction, type Day, type Quote, Timeline, type TimelineItem } from './conversations/timeline.ts';
export {
  charactersLeft,
  COUNTDOWN_FROM,
  directionOf,
  isSendable,
  MAX_LENGTH,
  wellFormed,
} from './conversations/text.ts';
export { dayNumber } from './days.ts';
export { type Drafts, MAX_STORED } from './drafts/drafts.ts';
export { instantOf, millisOf } from './instants.ts';
export type { WebSocketConstructor, WebSocketLike } from './live/connection.ts';
export type { LiveOptions } from './live/live.ts';
export type { TabChannel, Tabs } from './live/tabs.ts';
export type { Timing } from './live/timing.ts';
export { type Attention, attention, delayReason } from './outbox/attention.ts';
export { type Entry, type State, type Target, conversationKey, conversationOf } from './outbox/entry.ts';
export type { Outbox } from './outbox/outbox.ts';
export { type Reason, reasonOf } from './outbox/reason.ts';
export type { Blocks } from './state/blocks.ts';
export { listDevices, ownDevice, signOutEverywhere } from './state/devices.ts';
export { eraseAccount } from './state/erase.ts';
export { exportOf } from './state/export.ts';
export type { GroupSettings } from './state/group-settings.ts';
export type { Action, Change, ChangesByMessage, MessageChanges } from './state/message-changes.ts';
export type { Requests } from './state/requests.ts';
export type { ReadMarkers } from './state/read-markers.ts';
export type { ShownGroups } from './state/shown-groups.ts';
export { type ConversationState, stateOf } from './state/state.ts';
export { type UnreadTotal, unreadOf } from './state/unread-total.ts';
export { removeLists } from './storage/stored-lists.ts';
export { browserStore, memoryStore, SafeStorage } from './storage/safe-storage.ts';
export type { Store } from './storage/store.ts';
export { removeAllOf, removeStoredTexts, storedTexts } from './storage/stored-texts.ts';
export { backOff, MAX_TIMER_DELAY, retryAfterMillis } from './sync/back-off.ts';
export type { Connectivity } from './sync/connectivity.ts';
export type { ListState, Loaded, PagedList } from './sync/paged-list.ts';
export type { Resource, ResourceState } from './sync/resource.ts';
export { foldHandle, isHandle, MAX_HANDLE_LENGTH, newConversationPath, sameHandle, typedHandle, hue } from './users/handle.ts';
export { type HandleMismatch, handleMismatch } from './users/handle-mismatch.ts';
export { initials, plainLine, shownName } from './users/name.ts';
export { otherMember, parseRecipient, type Recipient, recipientOf } from './users/recipient.ts';
export { uuidOfPair } from './users/uuid-of-pair.ts';
