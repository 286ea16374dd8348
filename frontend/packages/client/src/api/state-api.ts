import { type Api, isMessage, isMessageGroup, isMe, parsed } from './api.ts';
import type { Me, Message, MessageGroupSettings, MessageReference, ReportReason, Settings, ShownGroup, Unread } from './types.ts';

/** Marks the messages of a group as read, up to a message or to the newest one. */
export async function markRead(api: Api, group: string, message: MessageReference | null): Promise<void> {
  const body = message === null ? {} : { message_uuid: message.uuid, created_at: message.created_at };
  await api.signed(`${groupPath(group)}/read`, json('PUT', body));
}

/** Marks the messages of a group as unread, from a message on. */
export async function markUnread(api: Api, group: string, { uuid, created_at }: MessageReference): Promise<void> {
  const query = new URLSearchParams({ message_uuid: uuid, created_at });
  await api.signed(`${groupPath(group)}/read?${query}`, { method: 'DELETE' });
}

/** A group, with what its members have read. */
export async function showGroup(api: Api, group: string): Promise<ShownGroup> {
  return await parsed(await api.signed(groupPath(group)), isShownGroup);
}

/** Changes the user's settings of a group. Safe to repeat. */
export async function updateGroup(api: Api, group: string, settings: MessageGroupSettings): Promise<void> {
  await api.signed(groupPath(group), json('PATCH', settings));
}

/** Reports a message to the people who run the service. Safe to repeat. */
export async function reportMessage(
  api: Api,
  group: string,
  { uuid, created_at }: MessageReference,
  reason: ReportReason,
): Promise<void> {
  await api.signed('/api/reports', json('POST', { message_group_uuid: group, message_uuid: uuid, created_at, reason }));
}

/** The number of conversations with unread messages. */
export async function countUnread(api: Api): Promise<Unread> {
  return await parsed(await api.signed('/api/unread'), isUnread);
}

/** Replaces the text of a message, and returns the message. Safe to repeat. */
export async function editMessage(api: Api, group: string, message: MessageReference, text: string): Promise<Message> {
  const body = { message: text, created_at: message.created_at };
  return await parsed(await api.signed(messagePath(group, message), json('PUT', body)), isMessage);
}

/** Deletes a message for both members. Safe to repeat. */
export async function deleteMessage(api: Api, group: string, message: MessageReference): Promise<void> {
  await api.signed(messagePath(group, message) + timeOf(message), { method: 'DELETE' });
}

/** Adds or removes a reaction. Safe to repeat. */
export async function setReaction(
  api: Api,
  group: string,
  message: MessageReference,
  emoji: string,
  isOn: boolean,
): Promise<void> {
  const path = `${messagePath(group, message)}/reactions/${encodeURIComponent(emoji)}${timeOf(message)}`;
  await api.signed(path, { method: isOn ? 'PUT' : 'DELETE' });
}

/** Changes settings, and returns all of them. */
export async function updateMe(api: Api, settings: Settings): Promise<Me> {
  return await parsed(await api.signed('/api/me', json('PATCH', settings)), isMe);
}

function groupPath(group: string): string {
  return `/api/message_groups/${encodeURIComponent(group)}`;
}

function messagePath(group: string, { uuid }: MessageReference): string {
  return `/api/messages/${encodeURIComponent(group)}/${encodeURIComponent(uuid)}`;
}

function timeOf({ created_at }: MessageReference): string {
  return `?${new URLSearchParams({ created_at })}`;
}

function json(method: string, body: object): RequestInit & { headers: Record<string, string> } {
  return { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

function isShownGroup(value: unknown): value is ShownGroup {
  return isMessageGroup(value) && 'members' in value && Array.isArray(value.members) && value.members.every(isMe);
}

function isUnread(value: unknown): value is Unread {
  return typeof value === 'object' && value !== null && 'conversations' in value && typeof value.conversations === 'number';
}
