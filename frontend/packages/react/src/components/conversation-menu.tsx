import { type Recipient, isMuted } from '@cruddur/client';
import { useEffect, useState } from 'react';
import type { ConversationSettings } from '../conversation-settings.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { Name } from './labels.tsx';
import { Menu, MenuItem } from './menu.tsx';
import { MuteMenu, SettingsItems } from './mute-menu.tsx';
import { Question } from './question.tsx';

export interface ConversationMenuProps {
  person: Recipient;
  isBlocked: boolean;
  /** The end of the mute, which may be over. */
  mutedUntil: string | undefined;
  anchor: MenuAnchor;
  /** Without it, the conversation can't be muted, hidden and cleared. */
  settings: ConversationSettings | undefined;
  /** Without it, the menu does not offer the search. */
  onSearch: (() => void) | undefined;
  onBlock: (isBlocked: boolean) => void;
  /** Called when the menu and the dialog that it opened are closed. */
  onClose: () => void;
}

/** The menu of a conversation's heading, and the dialogs that it opens. */
export function ConversationMenu(props: ConversationMenuProps) {
  const { person, isBlocked, mutedUntil, anchor, settings, onSearch, onBlock, onClose } = props;
  const { text, rich } = useTexts();
  const [step, setStep] = useState<'menu' | 'mute' | 'clear' | 'block' | 'closed'>('menu');
  const [hasMute] = useState(() => isMuted(mutedUntil, Date.now()));
  const name = <Name key="name" name={person.name} handle={person.handle} />;

  useEffect(() => {
    if (step === 'closed') {
      onClose();
    }
  }, [step, onClose]);

  // A choice may have opened another menu or a dialog.
  const closing = (closed: typeof step) => () => setStep((current) => (current === closed ? 'closed' : current));

  switch (step) {
    case 'closed':
      return null;
    case 'mute':
      return <MuteMenu anchor={anchor} onMute={(until) => settings?.mute(until)} onClose={closing('mute')} />;
    case 'clear':
      return (
        <Question title={text('clear.title')} yes={text('clear.yes')} no={text('clear.no')} onYes={() => settings?.clear()} onClose={onClose}>
          <p>{rich('clear.text', { name })}</p>
        </Question>
      );
    case 'block':
      return (
        <Question title={text('block.title')} yes={text('block.yes')} no={text('block.no')} onYes={() => onBlock(true)} onClose={onClose}>
          <p>{rich('block.text', { name })}</p>
          <p>{text('block.secret')}</p>
        </Question>
      );
    case 'menu':
  }
  return (
    <Menu key="menu" label={text('conversation.menu')} anchor={anchor} onClose={closing('menu')}>
      {onSearch !== undefined && <MenuItem onSelect={onSearch}>{text('search.title')}</MenuItem>}
      {settings !== undefined && (
        <>
          <SettingsItems settings={settings} hasMute={hasMute} onMute={() => setStep('mute')} />
          <MenuItem isDangerous onSelect={() => setStep('clear')}>
            {text('clear.start')}
          </MenuItem>
        </>
      )}
      {isBlocked ? (
        <MenuItem onSelect={() => onBlock(false)}>{text('block.end')}</MenuItem>
      ) : (
        <MenuItem isDangerous onSelect={() => setStep('block')}>
          {text('block.start')}
        </MenuItem>
      )}
    </Menu>
  );
}
