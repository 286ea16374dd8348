import { type KeyboardEvent, type SubmitEvent, useEffect, useId, useLayoutEffect, useRef } from 'react';
import { useDraft } from '../drafts/use-draft.ts';
import { type Target, conversationKey } from '../outbox/entry.ts';
import { SendIcon } from '../shell/icons.tsx';
import { useSignedIn } from '../signed-in.tsx';
import { isSendable, LONGEST, NEARLY, scalars, wellFormed } from './text.ts';

interface Props {
  target: Target;
  /** Who will read it. */
  name: string;
  onSent: () => void;
}

/** Where one writes. Give it the conversation as its key: what is typed in one must not be sent to another. */
export function Composer({ target, name, onSent }: Props) {
  const { outbox } = useSignedIn();
  const [text, setText] = useDraft(conversationKey(target));
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const count = scalars(text);
  const left = LONGEST - count;

  // Where there is a keyboard one can write at once; on a phone it would cover half of the conversation.
  useEffect(() => {
    if (field.current !== null && window.matchMedia('(pointer: fine)').matches) {
      const { length } = field.current.value;
      field.current.focus();
      field.current.setSelectionRange(length, length);
    }
  }, []);

  useLayoutEffect(() => {
    const element = field.current;
    if (element !== null) {
      element.style.blockSize = 'auto';
      element.style.blockSize = `${element.scrollHeight}px`;
    }
  }, [text]);

  function send() {
    const message = wellFormed(text);
    if (isSendable(message)) {
      outbox.add(target, message);
      setText('');
      onSent();
    }
    field.current?.focus();
  }

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    send();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    // 229: Safari ends a composition before it reports the Enter that ended it.
    const composing = event.nativeEvent.isComposing || event.keyCode === 229;
    if (event.key === 'Enter' && !event.shiftKey && !composing) {
      event.preventDefault();
      send();
    }
  }

  return (
    <form className="composer" aria-label="Write a message" onSubmit={onSubmit}>
      <div className="composer-field">
        <label htmlFor={id} className="visually-hidden">
          Message to {name}
        </label>
        <textarea
          ref={field}
          id={id}
          rows={1}
          dir="auto"
          placeholder="Write a message"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          aria-describedby={`${id}-count`}
          aria-invalid={left < 0}
          enterKeyHint="send"
        />
        <span id={`${id}-count`} className={left < 0 ? 'composer-count over' : 'composer-count'}>
          {count >= NEARLY && (
            <>
              <span aria-hidden="true">{left}</span>
              <span className="visually-hidden">
                {left < 0 ? `${-left} characters too many` : `${left} characters left`}
              </span>
            </>
          )}
        </span>
      </div>
      <button type="submit" className="send-button" aria-label="Send" title="Send (Enter)" disabled={!isSendable(text)}>
        <SendIcon />
      </button>
    </form>
  );
}
