import { isHandle, sameHandle } from './handle.ts';
import { plainLine } from './name.ts';

/** Why a user's handle is not the one requested at sign-up. Null if it is. */
export type HandleMismatch = null | { kind: 'missing' } | { kind: 'malformed' | 'taken' | 'changed'; requested: string };

/** `requested` is the id token's `preferred_username`: free text from the sign-up form. */
export function handleMismatch(requested: string, handle: string): HandleMismatch {
  const withoutAt = requested.replace(/^@/, '');
  if (sameHandle(withoutAt, handle)) {
    return null;
  }
  if (plainLine(requested) === '') {
    return { kind: 'missing' };
  }
  if (!isHandle(withoutAt)) {
    return { kind: 'malformed', requested };
  }
  // The handle assigned by post-confirmation if the requested one is not available.
  const substitute = /^user-[0-9a-f]{1,8}$/.test(handle);
  return { kind: substitute ? 'taken' : 'changed', requested: withoutAt };
}
