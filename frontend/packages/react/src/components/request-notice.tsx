import { type Recipient, stateOf } from '@cruddur/client';
import { useState } from 'react';
import { useClient } from '../context.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { explain } from '../texts/explain.ts';
import { Name } from './labels.tsx';

interface Props {
  group: string;
  /** The stranger; null until known. */
  person: Recipient | null;
  isDeclined: boolean;
}

/** Shown in place of the text field until the person accepts a conversation that a stranger has opened. */
export function RequestNotice({ group, person, isDeclined }: Props) {
  const client = useClient();
  const texts = useTexts();
  const { text, rich } = texts;
  const [isAnswering, setAnswering] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);

  async function answer(isAccepted: boolean): Promise<void> {
    if (isAnswering) {
      return;
    }
    setAnswering(true);
    setProblem(null);
    try {
      await stateOf(client).requests.answer(group, isAccepted);
    } catch (error) {
      setProblem(text('request.failed', { reason: explain(texts, error) }));
    } finally {
      setAnswering(false);
    }
  }

  return (
    <div className="cruddur-question cruddur-composer-question" role="group" aria-label={text('request.label')}>
      <p role="status">
        {problem ??
          (isDeclined
            ? text('request.isDeclined')
            : person === null
              ? text('request.label')
              : rich('request.notice', { name: <Name key="name" name={person.name} handle={person.handle} /> }))}
      </p>
      <p className="cruddur-actions">
        {/* Not disabled, so that they keep the focus. */}
        <button type="button" className="cruddur-button cruddur-small" aria-disabled={isAnswering} onClick={() => void answer(true)}>
          {text('request.accept')}
        </button>
        {!isDeclined && (
          <button type="button" className="cruddur-button cruddur-small" aria-disabled={isAnswering} onClick={() => void answer(false)}>
            {text('request.decline')}
          </button>
        )}
      </p>
    </div>
  );
}
