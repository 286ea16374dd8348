import type { Bubble } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import { Question } from './question.tsx';

interface Props {
  bubble: Bubble;
  onDelete: () => void;
  onClose: () => void;
}

/** Asks for confirmation before a message is deleted. */
export function DeleteQuestion({ bubble, onDelete, onClose }: Props) {
  const { text } = useTexts();
  return (
    <Question title={text('delete.title')} yes={text('delete.yes')} no={text('delete.no')} onYes={onDelete} onClose={onClose}>
      <blockquote className="cruddur-quote">
        <span className="cruddur-quote-text" dir="auto">
          {bubble.text}
        </span>
      </blockquote>
      <p>{text('delete.text')}</p>
    </Question>
  );
}
