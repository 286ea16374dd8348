import { millisOf } from '../instants.ts';

/** The end of a mute that the person ends. */
export const FOREVER = '9999-12-31T23:59:59.999999Z';

/** Whether a conversation with this `muted_until` is muted at a time. */
export function isMuted(until: string | undefined, now: number): boolean {
  return until !== undefined && millisOf(until) > now;
}
