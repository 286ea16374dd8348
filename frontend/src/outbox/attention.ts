import type { Entry } from './entry.ts';

/** What the author of a message should know about it; null while all is well. */
export function attention({ state, target }: Entry): string | null {
  switch (state.name) {
    case 'failed':
      return `Not sent. ${state.reason}`;
    case 'held':
      if (target.kind === 'handle') {
        return `Not sent. The handle may have changed hands: send it to whoever is @${target.handle} now?`;
      }
      return 'Not sent for more than a day. Send it now?';
    case 'waiting':
      return state.problem === null ? null : `Not sent yet. ${state.problem} Trying again…`;
    case 'sending':
    case 'sent':
      return null;
  }
}
