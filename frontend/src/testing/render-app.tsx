import { render } from '@testing-library/react';
import { userEvent } from '@testing-library/user-event';
import { useEffect } from 'react';
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
  connectTo: [],
};

/** Renders the whole page at an address for a signed-in user. */
export function renderApp(path: string, account = new FakeAccount()) {
  let current = '';
  const record = (pathname: string) => {
    current = pathname;
  };
  const view = render(
    <MemoryRouter initialEntries={[path]}>
      <App config={CONFIG} account={account} />
      <Address onPath={record} />
    </MemoryRouter>,
  );
  return { ...view, account, user: userEvent.setup(), path: () => current };
}

function Address({ onPath }: { onPath: (path: string) => void }) {
  const { pathname } = useLocation();
  useEffect(() => {
    onPath(pathname);
  }, [onPath, pathname]);
  return null;
}
