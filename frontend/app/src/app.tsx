import { Redirect, Route, Switch } from 'wouter';
import type { Account } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import { Welcome } from './auth/welcome.tsx';
import type { Config } from './config.ts';
import { LIST } from './place.ts';
import { MessagesScreen } from './shell/messages-screen.tsx';
import { NotFound } from './shell/not-found.tsx';
import { SignedInProvider } from './signed-in.tsx';

/** The routes. Signed-out users see the welcome page at every address and return to that address after signing in. */
export function App({ config, account }: { config: Config; account: Account }) {
  const state = useAccountState(account);
  const { person } = state;
  if (person === null) {
    return <Welcome account={account} state={state} />;
  }
  return (
    <SignedInProvider key={person.id} config={config} account={account} me={person}>
      <Switch>
        <Route path="/">
          <Redirect to={LIST} replace />
        </Route>
        <Route path="/callback">
          <Redirect to={LIST} replace />
        </Route>
        <Route path={/^\/messages(?:\/(?<path>.*))?$/}>{({ path }) => <MessagesScreen path={path ?? ''} />}</Route>
        <Route>
          <NotFound />
        </Route>
      </Switch>
    </SignedInProvider>
  );
}
