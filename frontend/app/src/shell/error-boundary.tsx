import { removeAllOf, removeLists, removeStoredTexts, storedTexts } from '@cruddur/client';
import { Component, type ReactNode } from 'react';
import type { Account } from '../auth/account.ts';
import { local } from '../auth/storage.ts';
import { faults } from '../faults.ts';
import { LIST } from '../place.ts';
import { Link } from '../route.tsx';
import { usePageTexts } from '../texts/texts.tsx';
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

  override componentDidCatch(error: unknown): void {
    faults.report?.(error);
    const user = this.props.account.state().person?.id;
    if (user !== undefined) {
      // They may be the reason, and would be so again.
      removeLists(local, user);
    }
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
    return <Failure account={account} extent={extent} onRetry={this.#retry} />;
  }

  readonly #retry = (): void => this.setState({ failed: false });
}

function Failure({ account, extent, onRetry }: Pick<Props, 'account' | 'extent'> & { onRetry: () => void }) {
  const { text } = usePageTexts();
  return extent === 'page' ? (
    <main className="cruddur-plain-page">
      <div className="cruddur-plain-card">
        <Logo />
        <h1>{text('fault.title')}</h1>
        <RecoveryOptions account={account} onRetry={onRetry} />
      </div>
    </main>
  ) : (
    <div className="cruddur-empty-state">
      <h2>{text('fault.partTitle')}</h2>
      <RecoveryOptions account={account} onRetry={onRetry}>
        <Link className="cruddur-button" to={LIST}>
          {text('fault.all')}
        </Link>
      </RecoveryOptions>
    </div>
  );
}

/** `children` is a link to another part of the page. */
function RecoveryOptions({ account, onRetry, children }: { account: Account; onRetry: () => void; children?: ReactNode }) {
  const { text } = usePageTexts();
  const user = account.state().person?.id;
  const texts = user === undefined ? [] : storedTexts(local, user);

  function deleteTexts() {
    if (user !== undefined) {
      removeStoredTexts(local, user);
    }
    window.location.reload();
  }

  async function signOut() {
    if (user !== undefined) {
      removeAllOf(local, user);
    }
    await account.signOut();
    window.location.reload();
  }

  return (
    <>
      <p role="alert">
        {text('fault.text')}
      </p>
      <p className="cruddur-actions">
        <button type="button" className="cruddur-button cruddur-primary" onClick={onRetry}>
          {text('tryAgain')}
        </button>
        <button type="button" className="cruddur-button" onClick={() => window.location.reload()}>
          {text('fault.reload')}
        </button>
        {children}
      </p>
      <details className="cruddur-way-out">
        <summary>{text('fault.more')}</summary>
        {texts.length > 0 && (
          <>
            <p>{text('fault.copy')}</p>
            <ul className="cruddur-kept-texts">
              {texts.map((kept, index) => (
                // Texts can be equal, and their order does not change.
                // oxlint-disable-next-line react/no-array-index-key
                <li key={index} dir="auto">
                  {kept}
                </li>
              ))}
            </ul>
          </>
        )}
        <p className="cruddur-actions">
          {texts.length > 0 && (
            <button type="button" className="cruddur-button cruddur-danger" onClick={deleteTexts}>
              {text('fault.delete')}
            </button>
          )}
          {user !== undefined && (
            <button type="button" className="cruddur-button" onClick={() => void signOut()}>
              {text('signOut')}
            </button>
          )}
        </p>
      </details>
    </>
  );
}
