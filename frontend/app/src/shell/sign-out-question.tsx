import { type KeyboardEvent, useEffect, useRef } from 'react';
import { usePageTexts } from '../texts/texts.tsx';

interface Props {
  /** The number of unsent messages. */
  unsent: number;
  onLeave: () => void;
  onStay: () => void;
}

/** Asks for confirmation before a sign-out deletes unsent messages. */
export function SignOutQuestion({ unsent, onLeave, onStay }: Props) {
  const { text } = usePageTexts();
  const stay = useRef<HTMLButtonElement>(null);

  // Returns the focus after the answer.
  useEffect(() => {
    const before = document.activeElement;
    stay.current?.focus();
    return () => {
      if (before instanceof HTMLElement) {
        before.focus();
      }
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => event.key === 'Escape' && onStay();

  return (
    <div
      className="cruddur-question"
      role="alertdialog"
      aria-label={text('signOut.label')}
      aria-describedby="unsent-messages"
    >
      <p id="unsent-messages">
        {text('signOut.unsent', { count: unsent })}
      </p>
      <p className="cruddur-actions">
        <button type="button" className="cruddur-button cruddur-small cruddur-danger" onClick={onLeave} onKeyDown={onKeyDown}>
          {text('signOut.leave')}
        </button>
        <button ref={stay} type="button" className="cruddur-button cruddur-small" onClick={onStay} onKeyDown={onKeyDown}>
          {text('signOut.stay')}
        </button>
      </p>
    </div>
  );
}
