import type { ReactNode } from 'react';
import { Dialog } from './dialog.tsx';

interface Props {
  title: string;
  yes: string;
  no: string;
  onYes: () => void;
  /** Called when the dialog is closed, with either answer. */
  onClose: () => void;
  children: ReactNode;
}

/** Asks for confirmation before something is lost. */
export function Question({ title, yes, no, onYes, onClose, children }: Props) {
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      <form method="dialog" className="cruddur-actions">
        <button type="submit" className="cruddur-button cruddur-danger" onClick={onYes}>
          {yes}
        </button>
        {/* The safe answer has the focus. */}
        <button type="submit" className="cruddur-button" data-focus>
          {no}
        </button>
      </form>
    </Dialog>
  );
}
