import { QueryClientProvider, type QueryClient } from '@tanstack/react-query';
import { type ReactNode, createContext, useContext, useEffect, useState } from 'react';
import { Api } from './api/client.ts';
import { newQueryClient } from './api/query-client.ts';
import { type Account, type Person, credentialsOf } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import type { Config } from './config.ts';
import { Drafts } from './drafts/drafts.ts';
import { Outbox } from './outbox/outbox.ts';
import { removeMe } from './users/stored-me.ts';

/** The services of a signed-in user's page. */
export interface SignedIn {
  me: Person;
  account: Account;
  api: Api;
  outbox: Outbox;
  drafts: Drafts;
}

const SignedInContext = createContext<SignedIn | null>(null);

export function useSignedIn(): SignedIn {
  const signedIn = useContext(SignedInContext);
  if (signedIn === null) {
    throw new Error('useSignedIn is used outside of SignedInProvider');
  }
  return signedIn;
}

/** Signs out and removes the user's data from the device. */
export async function signOut({ me, account, outbox, drafts }: SignedIn): Promise<void> {
  const clear = () => {
    outbox.clear();
    drafts.clear();
    removeMe(me.id);
  };
  clear();
  await account.signOut();
  // Other tabs were signed in until now and may have stored something.
  clear();
}

interface ProviderProps {
  config: Config;
  account: Account;
  me: Person;
  children: ReactNode;
}

/** Needs the person's id as its React key, so that no state of one person is shown to another. */
export function SignedInProvider({ config, account, me, children }: ProviderProps) {
  const { lapsed, troubled } = useAccountState(account);
  const [{ queryClient, ...signedIn }] = useState(() => createSignedIn(config, account, me));
  const { outbox } = signedIn;

  useEffect(() => {
    outbox.start();
    return () => outbox.stop();
  }, [outbox]);

  useEffect(() => {
    outbox.pause(lapsed);
  }, [outbox, lapsed]);

  useEffect(() => {
    if (troubled !== true) {
      // Repeats the requests that failed without a token.
      void queryClient.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' });
      outbox.retryNow();
    }
  }, [queryClient, outbox, troubled]);

  return (
    <QueryClientProvider client={queryClient}>
      <SignedInContext value={signedIn}>{children}</SignedInContext>
    </QueryClientProvider>
  );
}

function createSignedIn(config: Config, account: Account, me: Person): SignedIn & { queryClient: QueryClient } {
  const api = new Api(config.apiUrl, credentialsOf(account, me));
  const queryClient = newQueryClient();
  const outbox = new Outbox({
    user: me.id,
    send: (message, key) => api.send(message, key),
    onStored: ({ group }) => {
      void queryClient.invalidateQueries({ queryKey: ['messages', group] });
      void queryClient.invalidateQueries({ queryKey: ['groups'] });
    },
  });
  return { me, account, api, outbox, drafts: new Drafts(me.id), queryClient };
}
