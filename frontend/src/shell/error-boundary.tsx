import { Component, type ReactNode } from 'react';
import { Link } from 'react-router';
import type { Account } from '../auth/account.ts';
import { removeAllOf, removeStoredTexts, storedTexts } from '../storage/stored-texts.ts';
import { Logo } from './logo.tsx';

interface Props {
  account: Account;
  /** Identifies what is shown. A change of it retries. */
  place?: string;
  /** The whole page, or a part of it inside the router. */
  extent: 'page' | 'part';
  children: ReactNode;
}

/** Shows recovery options in place of children that fail to render. */
export class ErrorBoundary extends Component<Props, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override componentDidUpdate({ place }: Props): void {
    if (this.state.failed && place !== this.props.place) {
      this.#retry();
    }
  }

  override render(): ReactNode {
    const { account, extent, children } = this.props;
    if (!this.state.failed) {
      return children;
    }
    return extent === 'page' ? (
      <main className="plain-page">
        <div className="plain-card">
          <Logo />
          <h1>Something went wrong</h1>
          <RecoveryOptions account={account} onRetry={this.#retry} />
        </div>
      </main>
    ) : (
      <div className="empty-state">
        <h2>Something went wrong here</h2>
        <RecoveryOptions account={account} onRetry={this.#retry}>
          <Link className="button" to="/messages">
            All conversations
          </Link>
        </RecoveryOptions>
      </div>
    );
  }

  readonly #retry = (): void => this.setState({ failed: false });
}

/** `children` is a link to another part of the page. */
function RecoveryOptions({ account, onRetry, children }: { account: Account; onRetry: () => void; children?: ReactNode }) {
  const user = account.state().person?.id;
  const texts = user === undefined ? [] : storedTexts(user);

  function deleteTexts() {
    if (user !== undefined) {
      removeStoredTexts(user);
    }
    window.location.reload();
  }

  async function signOut() {
    if (user !== undefined) {
      removeAllOf(user);
    }
    await account.signOut();
    window.location.reload();
  }

  return (
    <>
      <p role="alert">
        This is a bug in the page. What you have written is kept on this device. Try again, or reload the page.
      </p>
      <p className="actions">
        <button type="button" className="button primary" onClick={onRetry}>
          Try again
        </button>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Reload
        </button>
        {children}
      </p>
      <details className="way-out">
        <summary>If that does not help</summary>
        {texts.length > 0 && (
          <>
            <p>
              Copy what you need, then delete your unsent messages and drafts from this device. Signing out deletes them
              too.
            </p>
            <ul className="kept-texts">
              {texts.map((text, index) => (
                // Texts can be equal, and their order does not change.
                // oxlint-disable-next-line react/no-array-index-key
                <li key={index} dir="auto">
                  {text}
                </li>
              ))}
            </ul>
          </>
        )}
        <p className="actions">
          {texts.length > 0 && (
            <button type="button" className="button danger" onClick={deleteTexts}>
              Delete unsent texts and reload
            </button>
          )}
          {user !== undefined && (
            <button type="button" className="button" onClick={() => void signOut()}>
              Sign out
            </button>
          )}
        </p>
      </details>
    </>
  );
}
