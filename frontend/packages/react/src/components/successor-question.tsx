import { type Recipient, type User, recipientOf } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import { Handle, Name } from './labels.tsx';

interface Props {
  person: Recipient;
  /** The user who has the handle now. */
  successor: User;
  onChoice: (chosen: Recipient) => void;
}

/** Asks for the recipient after a handle changed hands. */
export function SuccessorQuestion({ person, successor, onChoice }: Props) {
  const { text, rich } = useTexts();
  const before = <Name key="before" name={person.name} handle={person.handle} />;
  const now = <Name key="now" name={successor.display_name} handle={successor.handle} />;
  const handle = <Handle key="handle" handle={successor.handle} />;
  return (
    <div className="cruddur-question cruddur-composer-question" role="group" aria-label={text('successor.label')}>
      <p>{rich('successor.question', { handle, now, before })}</p>
      <p className="cruddur-actions">
        <button type="button" className="cruddur-button cruddur-small" onClick={() => onChoice(person)}>
          {before}
        </button>
        <button type="button" className="cruddur-button cruddur-small" onClick={() => onChoice(recipientOf(successor))}>
          {now}
        </button>
      </p>
    </div>
  );
}
