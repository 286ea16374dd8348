import { useSyncExternalStore } from 'react';
import { useSignedIn } from '../signed-in.tsx';
import type { Entry } from './entry.ts';

/** All outgoing messages, oldest first. */
export function useOutbox(): readonly Entry[] {
  const { outbox } = useSignedIn();
  return useSyncExternalStore(outbox.subscribe, outbox.entries);
}
