import { lazy, Suspense, useEffect } from 'react';
import type { Account } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import type { Config } from './config.ts';
import { LIST } from './place.ts';
import { navigate, usePath } from './route.tsx';
import { MessagesScreen } from './shell/messages-screen.tsx';
import { SignedInProvider } from './signed-in.tsx';

// The pages around the messages are a chunk of their own.
const loadPages = () => import('./shell/pages.ts');
const Welcome = lazy(async () => ({ default: (await loadPages()).Welcome }));
const NotFound = lazy(async () => ({ default: (await loadPages()).NotFound }));

/** The routes. Signed-out users see the welcome page at every address and return to that address after signing in. */
export function App({ config, account }: { config: Config; account: Account }) {
  const state = useAccountState(account);
  const { person } = state;
  if (person === null) {
    return (
      <Suspense>
        <Welcome account={account} state={state} />
      </Suspense>
    );
  }
  return (
    <SignedInProvider key={person.id} config={config} account={account} me={person}>
      <Routes />
    </SignedInProvider>
  );
}

function Routes() {
  const path = usePath();
  const redirects = /^\/(?:callback\/?)?$/.test(path);
  useEffect(() => {
    if (redirects) {
      navigate(LIST, { replace: true });
    }
  }, [redirects]);
  if (redirects) {
    return null;
  }
  const messages = /^\/messages(?:\/(.*))?$/.exec(path);
  return messages === null ? (
    <Suspense>
      <NotFound />
    </Suspense>
  ) : (
    <MessagesScreen path={messages[1] ?? ''} />
  );
}
