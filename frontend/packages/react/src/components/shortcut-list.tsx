import { Fragment } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import { isApple, isTouchKeyboard } from '../keys.ts';
import { Dialog } from './dialog.tsx';

export interface ShortcutListProps {
  /** Whether the question mark opens the list. */
  hasListKey: boolean;
  onClose: () => void;
}

const COMMAND = isApple ? '⌘' : 'Ctrl';
const ALT = isApple ? '⌥' : 'Alt';

const OF_PAGE = [
  ['start.field', COMMAND, 'K'],
  ['search.title', COMMAND, 'F'],
  ['keys.previous', ALT, '↑'],
  ['keys.next', ALT, '↓'],
] as const;

const SENDING = [
  ['composer.send', 'Enter'],
  ['keys.line', 'Shift', 'Enter'],
] as const;

const LINES = [['keys.line', 'Enter']] as const;

const OF_CONVERSATION = [
  ['keys.editLast', '↑'],
  ['keys.select', '↑', '↓'],
  ['keys.menu', 'Enter'],
  ['keys.cancel', 'Esc'],
] as const;

const LIST_KEY = ['keys.title', '?'] as const;

/** The dialog with the keyboard shortcuts. */
export function ShortcutList({ hasListKey, onClose }: ShortcutListProps) {
  const { text } = useTexts();
  const shortcuts = [...OF_PAGE, ...(isTouchKeyboard() ? LINES : SENDING), ...OF_CONVERSATION, ...(hasListKey ? [LIST_KEY] : [])];
  return (
    <Dialog title={text('keys.title')} onClose={onClose}>
      <dl className="cruddur-keys">
        {shortcuts.map(([name, ...keys]) => (
          <Fragment key={name}>
            <dt>{text(name)}</dt>
            <dd dir="ltr">
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </Fragment>
        ))}
      </dl>
      <form method="dialog" className="cruddur-actions">
        <button type="submit" className="cruddur-button" data-focus>
          {text('keys.close')}
        </button>
      </form>
    </Dialog>
  );
}
