import { useLocation, useNavigate } from 'react-router';
import type { User } from '../api/types.ts';
import { Handle, Name } from '../users/labels.tsx';
import { type Recipient, recipientOf } from '../users/recipient.ts';
import { placeState } from './place-state.ts';

/** Asks for the recipient after a handle changed hands. */
export function SuccessorQuestion({ person, successor }: { person: Recipient; successor: User }) {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const choose = (chosen: Recipient) =>
    void navigate(pathname, { replace: true, state: placeState(chosen, { chosen: true }) });
  const before = <Name name={person.name} handle={person.handle} />;
  const now = <Name name={successor.display_name} handle={successor.handle} />;
  return (
    <div className="question composer-question" role="group" aria-label="To whom?">
      <p>
        <Handle handle={successor.handle} /> now belongs to {now}. When you wrote this, it belonged to {before}. Who do you
        want to write to?
      </p>
      <p className="actions">
        <button type="button" className="button small" onClick={() => choose(person)}>
          {before}
        </button>
        <button type="button" className="button small" onClick={() => choose(recipientOf(successor))}>
          {now}
        </button>
      </p>
    </div>
  );
}
