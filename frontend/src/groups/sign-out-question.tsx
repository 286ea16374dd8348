import { type KeyboardEvent, useEffect, useRef } from 'react';

interface Props {
  /** How many messages are not sent. */
  unsent: number;
  onLeave: () => void;
  onStay: () => void;
}

/** Asks before what is unsent is deleted. */
export function SignOutQuestion({ unsent, onLeave, onStay }: Props) {
  const stay = useRef<HTMLButtonElement>(null);

  // Back to where one was, once it is answered.
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
        {unsent === 1 ? 'One message is not sent yet.' : `${unsent} messages are not sent yet.`} Signing out deletes what
        is unsent from this device.
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
