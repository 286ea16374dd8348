import { Outlet, useLocation, useMatch } from 'react-router';
import { ApiError } from '../api/api-error.ts';
import { Sidebar } from '../groups/sidebar.tsx';
import { useInbox } from '../groups/use-inbox.ts';
import { useSignedIn } from '../signed-in.tsx';
import { Banner } from './banner.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { NotProvisioned } from './not-provisioned.tsx';

/** The inbox beside a conversation; on a phone, one of the two. */
export function MessagesScreen() {
  const { account } = useSignedIn();
  const inbox = useInbox();
  const { pathname } = useLocation();
  const { error, refetch } = inbox;
  const atList = useMatch('/messages') !== null;

  if (error instanceof ApiError && error.has('user_not_provisioned')) {
    return <NotProvisioned onRetry={() => void refetch()} />;
  }
  return (
    <div className="screen">
      <a className="skip-link" href="#conversation">
        Skip to the conversation
      </a>
      <header className="visually-hidden">
        <h1>Cruddur Messages</h1>
      </header>
      <Banner />
      <div className="panes" data-showing={atList ? 'list' : 'conversation'}>
        <Sidebar inbox={inbox} />
        <main id="conversation" className="conversation-pane" tabIndex={-1}>
          <ErrorBoundary account={account} extent="part" place={pathname}>
            <Outlet context={inbox} />
          </ErrorBoundary>
        </main>
      </div>
    </div>
  );
}
