import { Link } from 'react-router';
import { Logo } from './logo.tsx';
import { usePageTitle } from './page-title.ts';

export function NotFound() {
  usePageTitle('Page not found');
  return (
    <main className="plain-page">
      <div className="plain-card">
        <Logo />
        <h1>Page not found</h1>
        <p>There is nothing at this address.</p>
        <Link className="button primary" to="/messages">
          Go to your messages
        </Link>
      </div>
    </main>
  );
}
