import { type Api, isUser, parsed } from './api.ts';
import type { User } from './types.ts';

/** The users whose handle or display name begins with a text of 1 to 64 characters: at most 20, and never the signed-in user. */
export async function searchUsers(api: Api, prefix: string): Promise<User[]> {
  return await parsed(await api.signed(`/api/users?${new URLSearchParams({ prefix })}`), isUsers);
}

function isUsers(value: unknown): value is User[] {
  return Array.isArray(value) && value.every(isUser);
}
