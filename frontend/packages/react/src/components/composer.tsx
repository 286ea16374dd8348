import {
  type Bubble,
  type Recipient,
  type Target,
  charactersLeft,
  conversationKey,
  COUNTDOWN_FROM,
  directionOf,
  isSendable,
  MAX_LENGTH,
  MAX_STORED,
  shownName,
  wellFormed,
} from '@cruddur/client';
import { type KeyboardEvent, type SubmitEvent, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { useClient, useComponents } from '../context.ts';
import { enterKey } from '../hooks/enter-key.ts';
import { useDraft } from '../hooks/use-draft.ts';
import { useFocusRing } from '../hooks/use-focus-ring.ts';
import { useTexts } from '../hooks/use-texts.ts';
import type { MenuAnchor } from '../menu-anchor.ts';
import { isComposing, isTouchKeyboard } from '../keys.ts';
import { plainNumber } from '../texts/formats.ts';
import { storedMessage } from '../stored-message.ts';
import { EmojiPicker as DefaultEmojiPicker } from './emoji-picker.tsx';
import { CloseIcon, EmojiIcon, ReplyIcon, SendIcon } from './icons.tsx';

/** The props of a conversation's text field. */
export interface ComposerProps {
  target: Target;
  /** The other user; null until known. */
  person: Recipient | null;
  onSent: () => void;
  /** Whether the field takes the focus when it is shown, except on phones. */
  takesFocus: boolean;
  /** The message to reply to. */
  replyTo?: Bubble | null;
  /** Called when the reply was sent or cancelled. */
  onReplyEnd?: () => void;
  /** Called to edit the last own message, by the arrow key in an empty field. */
  onEditLast?: () => void;
}

/** The length, in UTF-16 units, from which the field has its full height without being measured. */
const FULL_HEIGHT_FROM = 4000;

/** Pixels between the button of the emoji picker and the picker. */
const GAP = 8;

const sizesItself = typeof CSS === 'object' && CSS.supports('field-sizing', 'content');

/**
 * The text field of a conversation. Use a new composer for another conversation, so that no text is sent to the wrong
 * person, and the same one when a new conversation gets its group.
 */
export function Composer({ target, person, onSent, takesFocus, replyTo = null, onReplyEnd, onEditLast }: ComposerProps) {
  const client = useClient();
  const { EmojiPicker = DefaultEmojiPicker } = useComponents();
  const { locale, text: say, rich } = useTexts();
  const { text, write, compose } = useDraft(
    conversationKey(target),
    earlierNames(target, person),
    target.kind === 'user' ? target : undefined,
  );
  const field = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const left = charactersLeft(text);
  const [focuses] = useState(takesFocus);
  const ring = useFocusRing();
  const breaksLines = isTouchKeyboard();
  /** The place of the open emoji picker. */
  const [picker, setPicker] = useState<MenuAnchor | null>(null);
  /** Whether the field had the focus. Before, its caret is at the beginning. */
  const hasCaret = useRef(false);
  /** Whether the press on the button of the picker has closed it. */
  const wasPicking = useRef(false);

  // Focuses the field, except on phones: their keyboard would cover half of the conversation.
  useEffect(() => {
    if (focuses && field.current !== null && window.matchMedia('(pointer: fine)').matches) {
      const { length } = field.current.value;
      field.current.focus();
      field.current.setSelectionRange(length, length);
    }
  }, [focuses]);

  const replyKey = replyTo?.key;
  // A reply that is shown again takes no focus.
  const [earlierReply] = useState(() => client.drafts.message(conversationKey(target)));
  useEffect(() => {
    if (replyKey !== undefined && replyKey !== earlierReply) {
      field.current?.focus();
    }
  }, [replyKey, earlierReply]);

  useLayoutEffect(() => {
    const element = field.current;
    if (element !== null && !sizesItself) {
      element.style.blockSize = 'auto';
      element.style.blockSize = text.length > FULL_HEIGHT_FROM ? '100dvh' : `${element.scrollHeight}px`;
    }
  }, [text]);

  function send() {
    const message = isSendable(text) ? wellFormed(text).trimEnd() : null;
    if (message !== null) {
      client.send(target, message, replyTo && storedMessage(replyTo));
      write('');
      onReplyEnd?.();
      onSent();
    }
    field.current?.focus();
  }

  function openPicker(anchor: MenuAnchor): void {
    // The picker returns the focus to it.
    if (window.matchMedia('(pointer: fine)').matches) {
      field.current?.focus();
    }
    setPicker(anchor);
  }

  function insert(emoji: string): void {
    const element = field.current;
    if (element !== null) {
      const { selectionStart: start, selectionEnd: end, value } = element;
      element.setRangeText(emoji, hasCaret.current ? start : value.length, hasCaret.current ? end : value.length, 'end');
      // Without the event, React takes the next deletion of the emoji for no change.
      element.dispatchEvent(new InputEvent('input', { bubbles: true }));
    }
  }

  function onSubmit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    send();
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    const composing = isComposing(event);
    if (event.key === 'Enter' && !event.shiftKey && !composing && !breaksLines) {
      event.preventDefault();
      if (enterKey.isPressed(event.nativeEvent, event.currentTarget)) {
        send();
      }
    } else if (event.key === 'ArrowUp' && text === '' && onEditLast !== undefined) {
      event.preventDefault();
      onEditLast();
    } else if (event.key === 'Escape' && replyTo !== null && !composing) {
      event.preventDefault();
      onReplyEnd?.();
    }
  }

  return (
    <>
      <form className="cruddur-composer" aria-label={say('composer.label')} onSubmit={onSubmit}>
        {replyTo !== null && (
          <div className="cruddur-composer-reply">
            <ReplyIcon />
            <div id={`${id}-reply`} className="cruddur-quote">
              <span className="cruddur-quote-name">
                {replyTo.own ? say('reply.toYou') : rich('reply.to', { name: <bdi key="name">{replyTo.name}</bdi> })}
              </span>
              <span className="cruddur-quote-text" dir="auto">
                {replyTo.text}
              </span>
            </div>
            <button type="button" className="cruddur-icon-button" aria-label={say('reply.cancel')} title={say('reply.cancel')} onClick={onReplyEnd}>
              <CloseIcon />
            </button>
          </div>
        )}
        <div className="cruddur-composer-field">
          <label htmlFor={id} className="cruddur-visually-hidden">
            {person === null
              ? say('composer.fieldUnknown')
              : say('composer.field', { name: shownName(person.name, person.handle) })}
          </label>
          <textarea
            {...ring}
            onFocus={() => {
              hasCaret.current = true;
              ring.onFocus();
            }}
            ref={field}
            id={id}
            rows={1}
            // The placeholder has the direction of the page.
            dir={text === '' ? undefined : directionOf(text)}
            placeholder={say('composer.placeholder')}
            value={text}
            onChange={(event) => write(event.target.value)}
            onPaste={(event) => {
              // Set before the first layout, which takes seconds with `auto`.
              event.currentTarget.dir = directionOf(event.clipboardData.getData('text'));
            }}
            onKeyDown={onKeyDown}
            onCompositionStart={() => compose(true)}
            onCompositionEnd={() => compose(false)}
            aria-describedby={replyTo === null ? `${id}-count` : `${id}-reply ${id}-count`}
            aria-invalid={left < 0}
            enterKeyHint={breaksLines ? 'enter' : 'send'}
            spellCheck={text.length <= MAX_STORED}
          />
          {left >= 0 && left <= MAX_LENGTH - COUNTDOWN_FROM && (
            <span id={`${id}-count`} className="cruddur-composer-count">
              <span aria-hidden="true">{plainNumber(locale, left)}</span>
              <span className="cruddur-visually-hidden">{say('composer.left', { count: left })}</span>
            </span>
          )}
          <button
            type="button"
            className="cruddur-icon-button cruddur-emoji-button"
            aria-label={say('composer.emoji')}
            title={say('composer.emoji')}
            aria-haspopup="dialog"
            aria-expanded={picker !== null}
            onPointerDown={() => {
              wasPicking.current = picker !== null;
            }}
            onClick={(event) => {
              if (!wasPicking.current) {
                const button = event.currentTarget.getBoundingClientRect();
                openPicker({ left: button.left, right: button.right, top: button.top - GAP, bottom: button.bottom + GAP });
              }
              wasPicking.current = false;
            }}
          >
            <EmojiIcon />
          </button>
        </div>
        <button type="submit" className="cruddur-send-button" aria-label={say('composer.send')} title={say(breaksLines ? 'composer.send' : 'composer.sendHint')} disabled={!isSendable(text)}>
          <SendIcon />
        </button>
        {left < 0 && (
          <p id={`${id}-count`} className="cruddur-composer-note cruddur-problem">
            {say('composer.over', { count: -left })}
          </p>
        )}
        {text.length > MAX_STORED && (
          <p className="cruddur-composer-note" role="status">
            {say('composer.tooLong', { max: MAX_STORED })}
          </p>
        )}
      </form>
      {/* Outside of the form, which Enter would submit. */}
      {picker !== null && <EmojiPicker anchor={picker} onEmoji={insert} onClose={() => setPicker(null)} />}
    </>
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
