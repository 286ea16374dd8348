import { Navigate, Route, Routes } from 'react-router';
import type { Account } from './auth/account.ts';
import { useAccountState } from './auth/use-account.ts';
import { Welcome } from './auth/welcome.tsx';
import type { Config } from './config.ts';
import { Hint } from './groups/hint.tsx';
import { Conversation } from './messages/conversation.tsx';
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
      <Routes>
        <Route index element={<Navigate to="/messages" replace />} />
        <Route path="callback" element={<Navigate to="/messages" replace />} />
        <Route path="messages" element={<MessagesScreen />}>
          <Route index element={<Hint />} />
          <Route path="new" element={<Navigate to="/messages" replace />} />
          <Route path="new/:handle" element={<Conversation />} />
          <Route path=":message_group_uuid" element={<Conversation />} />
        </Route>
        <Route path="*" element={<NotFound />} />
      </Routes>
    </SignedInProvider>
  );
}
