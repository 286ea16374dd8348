import { type KeyboardEvent, type SubmitEvent, useEffect, useId, useLayoutEffect, useRef } from 'react';
import { MAX_STORED } from '../drafts/drafts.ts';
import { useDraft } from '../drafts/use-draft.ts';
import { type Target, conversationKey } from '../outbox/entry.ts';
import { SendIcon } from '../shell/icons.tsx';
import { useSignedIn } from '../signed-in.tsx';
import { shownName } from '../users/name.ts';
import type { Recipient } from '../users/recipient.ts';
import { enterKey } from './enter-key.ts';
import { charactersLeft, COUNTDOWN_FROM, directionOf, isSendable, MAX_LENGTH, wellFormed } from './text.ts';

interface Props {
  target: Target;
  /** The other user; null until known. */
  person: Recipient | null;
  onSent: () => void;
}

/** The length, in UTF-16 units, from which the field has its full height without being measured. */
const FULL_HEIGHT_FROM = 4000;

const sizesItself = typeof CSS === 'object' && CSS.supports('field-sizing', 'content');

/**
 * The text field of a conversation. Use a new composer for another conversation, so that no text is sent to the wrong
 * person, and the same one when a new conversation gets its group.
 */
export function Composer({ target, person, onSent }: Props) {
  const { outbox } = useSignedIn();
  const { text, write, compose } = useDraft(
    conversationKey(target),
    earlierNames(target, person),
    target.kind === 'user' ? target : undefined,
  );
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const left = charactersLeft(text);

  // Focuses the field, except on phones: their keyboard would cover half of the conversation.
  useEffect(() => {
    if (field.current !== null && window.matchMedia('(pointer: fine)').matches) {
      const { length } = field.current.value;
      field.current.focus();
      field.current.setSelectionRange(length, length);
    }
  }, []);

  useLayoutEffect(() => {
    const element = field.current;
    if (element !== null && !sizesItself) {
      element.style.blockSize = 'auto';
      element.style.blockSize = text.length > FULL_HEIGHT_FROM ? '100dvh' : `${element.scrollHeight}px`;
    }
  }, [text]);

  function send() {
    const message = isSendable(text) ? wellFormed(text) : null;
    if (message !== null) {
      outbox.add(target, message);
      write('');
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
      if (enterKey.isPressed(event.nativeEvent, event.currentTarget)) {
        send();
      }
    }
  }

  return (
    <form className="composer" aria-label="Write a message" onSubmit={onSubmit}>
      <div className="composer-field">
        <label htmlFor={id} className="visually-hidden">
          Message to {person === null ? 'this conversation' : shownName(person.name, person.handle)}
        </label>
        <textarea
          ref={field}
          id={id}
          rows={1}
          dir={directionOf(text)}
          placeholder="Write a message"
          value={text}
          onChange={(event) => write(event.target.value)}
          onPaste={(event) => {
            // Set before the first layout, which takes seconds with `auto`.
            event.currentTarget.dir = directionOf(event.clipboardData.getData('text'));
          }}
          onKeyDown={onKeyDown}
          onCompositionStart={() => compose(true)}
          onCompositionEnd={() => compose(false)}
          aria-describedby={`${id}-count`}
          aria-invalid={left < 0}
          enterKeyHint="send"
          spellCheck={text.length <= MAX_STORED}
        />
        <span id={`${id}-count`} className={left < 0 ? 'composer-count over' : 'composer-count'}>
          {left <= MAX_LENGTH - COUNTDOWN_FROM && (
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
      {text.length > MAX_STORED && (
        <p className="composer-note" role="status">
          This text is too long for a draft: only the first {MAX_STORED} characters are kept when you leave.
        </p>
      )}
    </form>
  );
}

/** Former names of the draft: by person, and by handle in earlier versions of the page. */
function earlierNames(target: Target, person: Recipient | null): string[] {
  return person === null
    ? []
    : [conversationKey({ kind: 'handle', handle: person.handle }), conversationKey({ kind: 'user', ...person })].filter(
        (name) => name !== conversationKey(target),
      );
}
