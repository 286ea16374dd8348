import { isHandle, sameHandle } from './handle.ts';
import { plainLine } from './name.ts';

/** What became of the handle that a person asked for when they signed up: null when they have it. */
export type Wish = null | { kind: 'missing' } | { kind: 'malformed' | 'taken' | 'changed'; asked: string };

/** `asked` is the id token's `preferred_username`, which is what was typed into the sign-up form; it may be any text. */
export function wishOf(asked: string, handle: string): Wish {
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
  // The handle that is given when the one that was asked for can't be.
  const substitute = /^user-[0-9a-f]{1,8}$/.test(handle);
  return { kind: substitute ? 'taken' : 'changed', asked: wanted };
}
