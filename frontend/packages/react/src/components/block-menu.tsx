import type { Recipient } from '@cruddur/client';
import { useEffect, useState } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { Dialog } from './dialog.tsx';
import { Name } from './labels.tsx';
import { Menu, MenuItem } from './menu.tsx';

export interface BlockMenuProps {
  person: Recipient;
  isBlocked: boolean;
  anchor: MenuAnchor;
  onBlock: (isBlocked: boolean) => void;
  /** Called when the menu and the dialog that it opened are closed. */
  onClose: () => void;
}

/** The menu of a conversation's heading, which blocks the other user after a confirmation. */
export function BlockMenu({ person, isBlocked, anchor, onBlock, onClose }: BlockMenuProps) {
  const { text, rich } = useTexts();
  const [step, setStep] = useState<'menu' | 'question' | 'closed'>('menu');

  useEffect(() => {
    if (step === 'closed') {
      onClose();
    }
  }, [step, onClose]);

  if (step === 'closed') {
    return null;
  }
  if (step === 'question') {
    return (
      <Dialog title={text('block.title')} onClose={onClose}>
        <p>{rich('block.text', { name: <Name key="name" name={person.name} handle={person.handle} /> })}</p>
        <p>{text('block.secret')}</p>
        <form method="dialog" className="cruddur-actions">
          <button type="submit" className="cruddur-button cruddur-danger" onClick={() => onBlock(true)}>
            {text('block.yes')}
          </button>
          {/* The safe answer has the focus. */}
          <button type="submit" className="cruddur-button" data-focus>
            {text('block.no')}
          </button>
        </form>
      </Dialog>
    );
  }
  return (
    // A choice may have opened the dialog.
    <Menu label={text('conversation.menu')} anchor={anchor} onClose={() => setStep((current) => (current === 'menu' ? 'closed' : current))}>
      {isBlocked ? (
        <MenuItem onSelect={() => onBlock(false)}>{text('block.end')}</MenuItem>
      ) : (
        <MenuItem isDangerous onSelect={() => setStep('question')}>
          {text('block.start')}
        </MenuItem>
      )}
    </Menu>
  );
}
