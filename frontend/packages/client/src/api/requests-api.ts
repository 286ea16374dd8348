import { type Api, LIMIT, isMessageGroup, page, query } from './api.ts';
import type { MessageGroup, Page } from './types.ts';

/** A page of the conversations that strangers have opened and the user has neither accepted nor declined, newest first. */
export async function listRequests(api: Api, cursor: string | null): Promise<Page<MessageGroup>> {
  return await page(await api.signed(`/api/message_requests?${query('cursor', cursor, LIMIT)}`), isMessageGroup);
}

/** Accepts a request, or declines it. Safe to repeat. */
export async function answerRequest(api: Api, group: string, isAccepted: boolean): Promise<void> {
  await api.signed(`/api/message_requests/${encodeURIComponent(group)}`, { method: isAccepted ? 'PUT' : 'DELETE' });
}
