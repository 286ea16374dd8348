import { charactersLeft, directionOf, isSendable, wellFormed } from '@cruddur/client';
import { type KeyboardEvent, type SubmitEvent, useEffect, useId, useRef, useState } from 'react';
import { focusShown, focusedIn, whenShown } from '../focus.ts';
import { enterKey } from '../hooks/enter-key.ts';
import { useFocusRing } from '../hooks/use-focus-ring.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { isComposing, isTouchKeyboard } from '../keys.ts';

interface Props {
  /** The text of the message. */
  text: string;
  /** What was typed before the field was shown again; empty for nothing. */
  typed: string;
  onType: (text: string) => void;
  onSave: (text: string) => void;
  /** Called when the text is saved or dropped. */
  onEnd: () => void;
}

/**
 * The text field in the place of an own message. It takes the focus and returns it at its end. If it is shown again, it takes it
 * from the text field of the conversation only, which does not have it on phones.
 */
export function MessageEditor({ text: before, typed, onType, onSave, onEnd }: Props) {
  const { text: say } = useTexts();
  const [text, setText] = useState(typed || before);
  const [isShownAgain] = useState(typed !== '');
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const left = charactersLeft(text);
  const ring = useFocusRing();
  const breaksLines = isTouchKeyboard();

  useEffect(() => {
    const element = field.current;
    if (element === null) {
      return undefined;
    }
    let heir: HTMLElement | null = null;
    const end = whenShown(() => {
      const focused = focusedIn(element.getRootNode());
      if ((isShownAgain && !focused?.closest('.cruddur-composer')) || !focusShown(element)) {
        return false;
      }
      heir = focused;
      element.setSelectionRange(element.value.length, element.value.length);
      return true;
    });
    return () => {
      end();
      heir?.focus();
    };
  }, [isShownAgain]);

  function save() {
    if (text.trimEnd() === before.trimEnd()) {
      onEnd();
    } else if (isSendable(text)) {
      onSave(wellFormed(text).trimEnd());
      onEnd();
    }
  }

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    save();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // The keys are not for the list.
    event.stopPropagation();
    if (isComposing(event)) {
      return;
    }
    if (event.key === 'Escape') {
      event.preventDefault();
      onEnd();
    } else if (event.key === 'Enter' && !event.shiftKey && !breaksLines) {
      event.preventDefault();
      if (enterKey.isPressed(event.nativeEvent, event.currentTarget)) {
        save();
      }
    }
  }

  return (
    <form className="cruddur-editor" onSubmit={onSubmit}>
      <label htmlFor={id} className="cruddur-visually-hidden">
        {say('edit.field')}
      </label>
      <textarea
        {...ring}
        ref={field}
        id={id}
        rows={2}
        dir={text === '' ? undefined : directionOf(text)}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          onType(event.target.value);
        }}
        onKeyDown={onKeyDown}
        aria-invalid={left < 0}
        aria-describedby={`${id}-hint`}
        enterKeyHint={breaksLines ? 'enter' : 'done'}
      />
      <p className="cruddur-editor-foot">
        <span id={`${id}-hint`} className={left < 0 ? 'cruddur-problem' : 'cruddur-editor-hint'}>
          {left < 0 ? say('composer.over', { count: -left }) : breaksLines ? null : say('edit.hint')}
        </span>
        <button type="button" className="cruddur-button cruddur-small cruddur-quiet" onClick={onEnd}>
          {say('edit.cancel')}
        </button>
        <button type="submit" className="cruddur-button cruddur-small" disabled={!isSendable(text)}>
          {say('edit.save')}
        </button>
      </p>
    </form>
  );
}
