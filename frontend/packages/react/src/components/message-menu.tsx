import type { Bubble } from '@cruddur/client';
import { useEffect, useState } from 'react';
import { useClient, useComponents } from '../context.ts';
import { COMMON_EMOJI } from '../emoji/emoji-common.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import type { MessageActions } from '../message-actions.ts';
import { isEditable, storedMessage } from '../stored-message.ts';
import { ClockTime } from './clock-time.tsx';
import { DeleteQuestion } from './delete-question.tsx';
import { EmojiPicker as DefaultEmojiPicker } from './emoji-picker.tsx';
import { Menu, MenuItem, closeMenuOf } from './menu.tsx';
import { MessageDetails } from './message-details.tsx';
import { ReportQuestion } from './report-question.tsx';

export interface MessageMenuProps {
  bubble: Bubble;
  anchor: MenuAnchor;
  actions: MessageActions;
  /** Called when the menu and the dialog that it opened are closed. */
  onClose: () => void;
}

/** The menu of a message, and the dialogs that it opens. */
export function MessageMenu({ bubble, anchor, actions, onClose }: MessageMenuProps) {
  const { EmojiPicker = DefaultEmojiPicker } = useComponents();
  const { text } = useTexts();
  const [step, setStep] = useState<'menu' | 'emoji' | 'details' | 'delete' | 'report' | 'closed'>('menu');
  const { outbox } = useClient();
  const { message, own, isDeleted, reactions, entry } = bubble;
  const isStored = storedMessage(bubble) !== null;
  const isChangeable = isStored && !actions.isBlocked;

  useEffect(() => {
    if (step === 'closed') {
      onClose();
    }
  }, [step, onClose]);

  // A choice may have opened a dialog.
  const onMenuClose = () => setStep((current) => (current === 'menu' ? 'closed' : current));

  switch (step) {
    case 'closed':
      return null;
    case 'emoji':
      return <EmojiPicker anchor={anchor} onEmoji={(emoji) => actions.react(bubble, emoji, true)} onClose={onClose} />;
    case 'details':
      return <MessageDetails bubble={bubble} onClose={onClose} />;
    case 'delete':
      return <DeleteQuestion bubble={bubble} onDelete={() => actions.remove(bubble)} onClose={onClose} />;
    case 'report':
      return <ReportQuestion bubble={bubble} actions={actions} onClose={onClose} />;
    case 'menu':
  }
  return (
    <Menu label={text('menu.label')} anchor={anchor} onClose={onMenuClose}>
      {/* A touch screen has no pointer that shows it. Screen readers read the time with the message. */}
      <div className="cruddur-menu-time" aria-hidden="true">
        <ClockTime at={bubble.at} />
      </div>
      {isChangeable && (
        <div className="cruddur-menu-emoji" role="group" aria-label={text('menu.react')}>
          {COMMON_EMOJI.map((emoji) => {
            const isOn = reactions.some((reaction) => reaction.emoji === emoji && reaction.own);
            return (
              <button
                key={emoji}
                type="button"
                role="menuitemcheckbox"
                aria-checked={isOn}
                aria-label={text('menu.reactWith', { emoji })}
                tabIndex={-1}
                onClick={(event) => {
                  actions.react(bubble, emoji, !isOn);
                  closeMenuOf(event.currentTarget);
                }}
              >
                {emoji}
              </button>
            );
          })}
          <button
            type="button"
            role="menuitem"
            aria-label={text('menu.otherEmoji')}
            title={text('menu.otherEmoji')}
            tabIndex={-1}
            onClick={(event) => {
              setStep('emoji');
              closeMenuOf(event.currentTarget);
            }}
          >
            +
          </button>
        </div>
      )}
      {isChangeable && <MenuItem onSelect={() => actions.reply(bubble)}>{text('menu.reply')}</MenuItem>}
      {!isDeleted && (
        <MenuItem onSelect={() => void navigator.clipboard?.writeText(bubble.text).catch(() => undefined)}>{text('menu.copy')}</MenuItem>
      )}
      {isChangeable && isEditable(bubble) && <MenuItem onSelect={() => actions.edit(bubble)}>{text('menu.edit')}</MenuItem>}
      {isStored && !own && <MenuItem onSelect={() => actions.markUnread(bubble)}>{text('menu.markUnread')}</MenuItem>}
      {message !== null && <MenuItem onSelect={() => setStep('details')}>{text('menu.details')}</MenuItem>}
      {(entry?.state.name === 'waiting' || entry?.state.name === 'sending') && (
        <>
          <MenuItem onSelect={() => outbox.retry(entry.id)}>{text('message.sendNow')}</MenuItem>
          <MenuItem isDangerous onSelect={() => outbox.discard(entry.id)}>
            {text('message.delete')}
          </MenuItem>
        </>
      )}
      {isStored && own && (
        <MenuItem isDangerous onSelect={() => setStep('delete')}>
          {text('menu.delete')}
        </MenuItem>
      )}
      {isStored && !own && (
        <MenuItem isDangerous onSelect={() => setStep('report')}>
          {text('menu.report')}
        </MenuItem>
      )}
    </Menu>
  );
}
