import { type SubmitEvent, useId, useState } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import { emojiOf } from '../texts/emoji.ts';
import { Dialog } from './dialog.tsx';

interface Props {
  onEmoji: (emoji: string) => void;
  onClose: () => void;
}

/** Asks for any emoji. The device's keyboard has them all. */
export function EmojiQuestion({ onEmoji, onClose }: Props) {
  const { text } = useTexts();
  const [typed, setTyped] = useState('');
  const [isRefused, setRefused] = useState(false);
  const id = useId();

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    const emoji = emojiOf(typed);
    if (emoji === null) {
      event.preventDefault();
      setRefused(true);
    } else {
      onEmoji(emoji);
    }
  }

  return (
    <Dialog title={text('emoji.title')} onClose={onClose}>
      <form method="dialog" className="cruddur-form" onSubmit={onSubmit}>
        <label htmlFor={id}>{text('emoji.field')}</label>
        <input
          id={id}
          type="text"
          className="cruddur-input"
          autoComplete="off"
          data-focus
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setRefused(false);
          }}
          aria-invalid={isRefused}
          aria-describedby={`${id}-hint`}
        />
        <p id={`${id}-hint`} className={isRefused ? 'cruddur-problem' : 'cruddur-hint'} role="status">
          {text(isRefused ? 'emoji.invalid' : 'emoji.hint')}
        </p>
        <p className="cruddur-actions">
          <button type="submit" className="cruddur-button cruddur-primary">
            {text('emoji.react')}
          </button>
          <button type="button" className="cruddur-button" onClick={(event) => event.currentTarget.closest('dialog')?.close()}>
            {text('emoji.cancel')}
          </button>
        </p>
      </form>
    </Dialog>
  );
}
