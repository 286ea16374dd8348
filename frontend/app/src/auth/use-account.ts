import { useSyncExternalStore } from 'react';
import type { Account, AccountState } from './account.ts';

export function useAccountState(account: Account): AccountState {
  return useSyncExternalStore(account.subscribe, account.state);
}
