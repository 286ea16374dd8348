import { type KeyboardEvent, useEffect, useRef } from 'react';

interface Props {
  /** The number of unsent messages. */
  unsent: number;
  onLeave: () => void;
  onStay: () => void;
}

/** Asks for confirmation before a sign-out deletes unsent messages. */
export function SignOutQuestion({ unsent, onLeave, onStay }: Props) {
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
      className="question"
      role="alertdialog"
      aria-label="Sign out?"
      aria-describedby="unsent-messages"
    >
      <p id="unsent-messages">
        {unsent === 1 ? 'One message has not been sent yet.' : `${unsent} messages have not been sent yet.`} Signing out
        deletes unsent messages from this device.
      </p>
      <p className="actions">
        <button type="button" className="button small danger" onClick={onLeave} onKeyDown={onKeyDown}>
          Sign out and delete
        </button>
        <button ref={stay} type="button" className="button small" onClick={onStay} onKeyDown={onKeyDown}>
          Stay
        </button>
      </p>
    </div>
  );
}
