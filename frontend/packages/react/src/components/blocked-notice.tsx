import type { Recipient } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import { Name } from './labels.tsx';

interface Props {
  /** The blocked user; null until known. */
  person: Recipient | null;
  isChanging: boolean;
  onUnblock: () => void;
}

/** Shown in place of the text field while the person blocks the other user. */
export function BlockedNotice({ person, isChanging, onUnblock }: Props) {
  const { text, rich } = useTexts();
  return (
    <div className="cruddur-question cruddur-composer-question" role="group" aria-label={text('block.label')}>
      <p role="status">
        {person === null
          ? text('code.user_blocked')
          : rich('block.notice', { name: <Name key="name" name={person.name} handle={person.handle} /> })}
      </p>
      <p className="cruddur-actions">
        {/* Not disabled, so that it keeps the focus. */}
        <button type="button" className="cruddur-button cruddur-small" aria-disabled={isChanging} onClick={onUnblock}>
          {text('block.end')}
        </button>
      </p>
    </div>
  );
}
