import type { Entry } from './entry.ts';
import type { Reason } from './reason.ts';

/** Why a message needs its author's attention. */
export type Attention =
  | { kind: 'failed'; reason: Reason }
  /** Sent when its author confirms it: it is more than a day old, or the handle may have changed hands. */
  | { kind: 'too-old' }
  | { kind: 'to-handle'; handle: string };

/** Returns null if the message needs no attention. */
export function attention({ state, target }: Entry): Attention | null {
  switch (state.name) {
    case 'failed':
      return { kind: 'failed', reason: state.reason };
    case 'held':
      return target.kind === 'handle' ? { kind: 'to-handle', handle: target.handle } : { kind: 'too-old' };
    case 'waiting':
    case 'sending':
    case 'sent':
      return null;
  }
}

/** The reason of the last failure of a message that is sent again by itself; null for other messages. */
export function delayReason({ state }: Entry): Reason | null {
  return state.name === 'waiting' ? state.problem : null;
}
