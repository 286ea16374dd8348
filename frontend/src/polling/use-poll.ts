import { useEffect } from 'react';
import { useAccountState } from '../auth/use-account.ts';
import { useSignedIn } from '../signed-in.tsx';

/** The options that make a query a poll: paced by the pulse, and silent while nobody is signed in. */
export function usePoll(name: string): { enabled: boolean; refetchInterval: () => number } {
  const { account, pulse } = useSignedIn();
  const { lapsed } = useAccountState(account);
  useEffect(() => () => pulse.forget(name), [pulse, name]);
  return {
    enabled: !lapsed,
    refetchInterval: () => pulse.delay(name, document.visibilityState === 'visible'),
  };
}
