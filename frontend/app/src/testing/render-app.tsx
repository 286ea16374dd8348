import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { App } from '../app.tsx';
import type { Config } from '../config.ts';
import { FakeAccount } from './fake-account.ts';

export const CONFIG: Config = {
  apiUrl: 'http://localhost:3000',
  websocketUrl: null,
  authority: 'http://localhost:3000/local/issuer',
  clientId: 'client',
  scope: 'openid',
  logoutUrl: null,
  connectTo: [],
  name: null,
  accent: null,
  logo: null,
  errorUrl: null,
};

/** Renders the whole page at an address for a signed-in user. */
export function renderApp(path: string, account = new FakeAccount()) {
  window.history.replaceState(null, '', path);
  const view = render(<App config={CONFIG} account={account} />);
  return { ...view, account, user: userEvent.setup(), path: () => window.location.pathname };
}
