import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { usePageTitle } from '../shell/page-title.ts';

interface Props {
  title: string;
  text: ReactNode;
  onRetry?: (() => void) | undefined;
}

/** Shown in place of a conversation that can't be opened. */
export function ConversationProblem({ title, text, onRetry }: Props) {
  usePageTitle(title);
  return (
    <div className="empty-state">
      <h2>{title}</h2>
      <p>{text}</p>
      <p className="actions">
        {onRetry && (
          <button type="button" className="button primary" onClick={onRetry}>
            Try again
          </button>
        )}
        <Link className="button" to="/messages">
          All conversations
        </Link>
      </p>
    </div>
  );
}
