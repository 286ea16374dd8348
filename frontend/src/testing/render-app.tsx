import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { MemoryRouter, useLocation } from 'react-router';
import { App } from '../app.tsx';
import type { Config } from '../config.ts';
import { FakeAccount } from './fake-account.ts';

export const CONFIG: Config = {
  apiUrl: 'http://localhost:3000',
  authority: 'http://localhost:3000/local/issuer',
  clientId: 'client',
  scope: 'openid',
  logoutUrl: null,
};

/** The whole page at an address, as it is for who is signed in. */
export function renderApp(path: string, account = new FakeAccount()) {
  let current = '';
  function Address() {
    current = useLocation().pathname;
    return null;
  }
  const view = render(
    <MemoryRouter initialEntries={[path]}>
      <App config={CONFIG} account={account} />
      <Address />
    </MemoryRouter>,
  );
  return { ...view, account, user: userEvent.setup(), path: () => current };
}
