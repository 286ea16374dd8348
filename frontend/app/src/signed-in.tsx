import { MessagesClient, type SessionState } from '@cruddur/client';
import { type ReactNode, createContext, useContext, useEffect, useState } from 'react';
import { type Account, type AccountState, type Person, credentialsOf } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import type { Config } from './config.ts';
import { faults } from './faults.ts';
import { navigate } from './route.tsx';

/** The services of a signed-in user's page. */
export interface SignedIn {
  me: Person;
  account: Account;
  client: MessagesClient;
}

const SignedInContext = createContext<SignedIn | null>(null);

export function useSignedIn(): SignedIn {
  const signedIn = useContext(SignedInContext);
  if (signedIn === null) {
    throw new Error('useSignedIn is used outside of SignedInProvider');
  }
  return signedIn;
}

/** Returns a function that signs out and removes the user's data from the device. */
export function useSignOut(): () => void {
  const { account, client } = useSignedIn();
  return () => {
    client.clear();
    // Other tabs are signed in until then and may store something.
    void account.signOut().then(() => client.clear());
    // The next person to sign in here must not arrive at this person's conversation.
    navigate('/', { replace: true });
  };
}

interface ProviderProps {
  config: Config;
  account: Account;
  me: Person;
  children: ReactNode;
}

/** Needs the person's id as its React key, so that no state of one person is shown to another. */
export function SignedInProvider({ config, account, me, children }: ProviderProps) {
  const state = sessionOf(useAccountState(account));
  const [signedIn] = useState(() => createSignedIn(config, account, me));
  const { client } = signedIn;

  useEffect(() => {
    client.start();
    // Another tab may sign out. What is written here meanwhile must not be stored.
    const unsubscribe = account.subscribe(() => {
      if (account.state().person?.id !== me.id) {
        client.close();
      }
    });
    return () => {
      unsubscribe();
      client.stop();
    };
  }, [client, account, me.id]);

  useEffect(() => {
    client.setSession(state);
  }, [client, state]);

  return <SignedInContext value={signedIn}>{children}</SignedInContext>;
}

function sessionOf({ lapsed, troubled }: AccountState): SessionState {
  if (lapsed) {
    return 'ended';
  }
  return troubled === true ? 'unreachable' : 'open';
}

function createSignedIn(config: Config, account: Account, me: Person): SignedIn {
  const { apiUrl: url, websocketUrl } = config;
  const credentials = credentialsOf(account, me);
  const client = new MessagesClient({
    url,
    websocketUrl,
    user: me.id,
    credentials,
    keepsLists: !account.isOnlyHere,
    onError: (report) => faults.send?.(report),
  });
  return { me, account, client };
}
