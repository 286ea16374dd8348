import { isHandle, sameHandle } from './handle.ts';
import { plainLine } from './name.ts';

/** Why a user's handle is not the one requested at sign-up. Null if it is. */
export type HandleMismatch = null | { kind: 'missing' } | { kind: 'malformed' | 'taken' | 'changed'; asked: string };

/** `asked` is the id token's `preferred_username`: free text from the sign-up form. */
export function handleMismatch(asked: string, handle: string): HandleMismatch {
  const wanted = asked.replace(/^@/, '');
  if (sameHandle(wanted, handle)) {
    return null;
  }
  if (plainLine(asked) === '') {
    return { kind: 'missing' };
  }
  if (!isHandle(wanted)) {
    return { kind: 'malformed', asked };
  }
  // The handle assigned by post-confirmation if the requested one is not available.
  const substitute = /^user-[0-9a-f]{1,8}$/.test(handle);
  return { kind: substitute ? 'taken' : 'changed', asked: wanted };
}
