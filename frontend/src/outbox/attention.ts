import type { Entry } from './entry.ts';

/** Why a message needs its author's attention. Returns null if it does not. */
export function attention({ state, target }: Entry): string | null {
  switch (state.name) {
    case 'failed':
      return `Not sent. ${state.reason}`;
    case 'held':
      if (target.kind === 'handle') {
        return `Not sent. The handle may have changed hands. Send it to the current @${target.handle}?`;
      }
      return 'Not sent for more than a day. Send it now?';
    case 'waiting':
      return state.problem === null ? null : `Not sent yet. ${state.problem} Trying again…`;
    case 'sending':
    case 'sent':
      return null;
  }
}
