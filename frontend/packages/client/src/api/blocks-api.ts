import { type Api, LIMIT, page, query, texts } from './api.ts';
import type { BlockedUser, Page } from './types.ts';

/** A page of the users whom the signed-in user blocks, in the order of their uuids. */
export async function listBlocks(api: Api, cursor: string | null): Promise<Page<BlockedUser>> {
  return await page(await api.signed(`/api/blocks?${query('cursor', cursor, LIMIT)}`), isBlockedUser);
}

/** Blocks a user, or ends the block. Safe to repeat. */
export async function setBlocked(api: Api, user: string, isBlocked: boolean): Promise<void> {
  await api.signed(`/api/blocks/${encodeURIComponent(user)}`, { method: isBlocked ? 'PUT' : 'DELETE' });
}

const isBlockedUser = texts<BlockedUser>('uuid', 'handle', 'display_name', 'blocked_at');
