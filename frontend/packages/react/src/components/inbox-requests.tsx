import { useState } from 'react';
import { useMessageRequests } from '../hooks/state.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { plainNumber } from '../texts/formats.ts';
import { MessageRequests } from './message-requests.tsx';

/** A section for the message requests, with their number. An empty section is hidden, unless it is open or focused. */
export function InboxRequests() {
  const { locale, text } = useTexts();
  const { rows = [], next = null } = useMessageRequests().value ?? {};
  const [isOpen, setOpen] = useState(false);
  const [isFocused, setFocused] = useState(false);
  // An open section shows the outcome of the last answer.
  if (rows.length === 0 && next === null && !isOpen && !isFocused) {
    return null;
  }
  const number = plainNumber(locale, rows.length);
  return (
    <details className="cruddur-disclosure cruddur-requests" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary onFocus={() => setFocused(true)} onBlur={() => setFocused(false)}>{text('request.list', { count: next === null ? number : `${number}+` })}</summary>
      {isOpen && <MessageRequests />}
    </details>
  );
}
