import { type ReactNode, useEffect, useId, useRef } from 'react';

interface DialogProps {
  title: string;
  /** Called when the dialog is closed, also by Escape. */
  onClose: () => void;
  children: ReactNode;
}

/**
 * A modal dialog in the browser's top layer. Buttons of a form with the method `dialog` close it, which returns the focus.
 *
 * The element with `data-focus`, or else the first control, has the focus.
 */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();

  useEffect(() => {
    // Its removal closes it. An explicit close would also call `onClose`, in strict mode at once.
    if (dialog.current?.open === false) {
      dialog.current.showModal();
      dialog.current.querySelector<HTMLElement>('[data-focus]')?.focus();
    }
  }, []);

  return (
    <dialog ref={dialog} className="cruddur-dialog" aria-labelledby={id} onClose={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}
