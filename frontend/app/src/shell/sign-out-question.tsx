import { type KeyboardEvent, useEffect, useId, useRef } from 'react';
import { usePageTexts } from '../texts/texts.tsx';

interface Props {
  question: string;
  /** The button that signs out. */
  leave: string;
  onLeave: () => void;
  onStay: () => void;
}

/** Asks for confirmation before a sign-out. */
export function SignOutQuestion({ question, leave, onLeave, onStay }: Props) {
  const { text } = usePageTexts();
  const id = useId();
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

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape') {
      // A dialog around the question stays open.
      event.preventDefault();
      onStay();
    }
  }

  return (
    <div
      className="cruddur-question"
      role="alertdialog"
      aria-label={text('signOut.label')}
      aria-describedby={id}
    >
      <p id={id}>{question}</p>
      <p className="cruddur-actions">
        <button type="button" className="cruddur-button cruddur-small cruddur-danger" onClick={onLeave} onKeyDown={onKeyDown}>
          {leave}
        </button>
        <button ref={stay} type="button" className="cruddur-button cruddur-small" onClick={onStay} onKeyDown={onKeyDown}>
          {text('signOut.stay')}
        </button>
      </p>
    </div>
  );
}
