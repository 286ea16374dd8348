import { QueryClientProvider, type QueryClient } from '@tanstack/react-query';
import { type ReactNode, createContext, useContext, useEffect, useState } from 'react';
import { Api } from './api/client.ts';
import { newQueryClient } from './api/query-client.ts';
import { type Account, type Person, credentialsOf } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import type { Config } from './config.ts';
import { Drafts } from './drafts/drafts.ts';
import { Outbox } from './outbox/outbox.ts';
import { forgetMe } from './users/kept-me.ts';

/** What the page of a person who is signed in works with. */
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
    throw new Error('nobody is signed in here');
  }
  return signedIn;
}

/** Signs out, and leaves nothing of the person on the device. */
export async function leave({ me, account, outbox, drafts }: SignedIn): Promise<void> {
  const clear = () => {
    outbox.clear();
    drafts.clear();
    forgetMe(me.id);
  };
  clear();
  await account.signOut();
  // Until then other tabs were signed in, and may have written something down.
  clear();
}

interface ProviderProps {
  config: Config;
  account: Account;
  me: Person;
  children: ReactNode;
}

/** Give it the person's id as its key: nothing of one person may show up with another. */
export function SignedInProvider({ config, account, me, children }: ProviderProps) {
  const { lapsed, troubled } = useAccountState(account);
  const [{ queryClient, ...signedIn }] = useState(() => equip(config, account, me));
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
      // Requests that waited for a token start again.
      void queryClient.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' });
      outbox.hurry();
    }
  }, [queryClient, outbox, troubled]);

  return (
    <QueryClientProvider client={queryClient}>
      <SignedInContext value={signedIn}>{children}</SignedInContext>
    </QueryClientProvider>
  );
}

function equip(config: Config, account: Account, me: Person): SignedIn & { queryClient: QueryClient } {
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
