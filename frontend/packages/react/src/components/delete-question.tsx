import type { Bubble } from '@cruddur/client';
import { useTexts } from '../hooks/use-texts.ts';
import { Dialog } from './dialog.tsx';

interface Props {
  bubble: Bubble;
  onDelete: () => void;
  onClose: () => void;
}

/** Asks for confirmation before a message is deleted. */
export function DeleteQuestion({ bubble, onDelete, onClose }: Props) {
  const { text } = useTexts();
  return (
    <Dialog title={text('delete.title')} onClose={onClose}>
      <blockquote className="cruddur-quote">
        <span className="cruddur-quote-text" dir="auto">
          {bubble.text}
        </span>
      </blockquote>
      <p>{text('delete.text')}</p>
      <form method="dialog" className="cruddur-actions">
        <button type="submit" className="cruddur-button cruddur-danger" onClick={onDelete}>
          {text('delete.yes')}
        </button>
        {/* The safe answer has the focus. */}
        <button type="submit" className="cruddur-button" data-focus>
          {text('delete.no')}
        </button>
      </form>
    </Dialog>
  );
}
