import type { ReactNode } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import { PlaceLink } from './place-link.tsx';

/** The props of what is shown in place of a conversation. */
export interface ConversationProblemProps {
  title: string;
  text: ReactNode;
  onRetry?: (() => void) | undefined;
}

/** Shown in place of a conversation that can't be opened. */
export function ConversationProblem({ title, text: problem, onRetry }: ConversationProblemProps) {
  const { text } = useTexts();
  return (
    <div className="cruddur-empty-state">
      <h2>{title}</h2>
      <p>{problem}</p>
      <p className="cruddur-actions">
        {onRetry && (
          <button type="button" className="cruddur-button cruddur-primary" onClick={onRetry}>
            {text('tryAgain')}
          </button>
        )}
        <PlaceLink className="cruddur-button" to={null}>
          {text('conversation.all')}
        </PlaceLink>
      </p>
    </div>
  );
}
