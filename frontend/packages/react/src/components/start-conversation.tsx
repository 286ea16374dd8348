import { isHandle, typedHandle } from '@cruddur/client';
import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { useBaseTexts, useMessages } from '../context.ts';
import { isComposing } from '../keys.ts';
import type { Place } from '../place.ts';
import { Icon } from './icon.tsx';
import type { StartResultsHandle } from './start-results.tsx';

const loadResults = () => import('./start-results.tsx');

/** The search for conversations and people by name or handle. The code of its results is loaded when it has the focus. */
export function StartConversation() {
  const { onPlace } = useMessages();
  const say = useBaseTexts().text;
  const [text, setText] = useState('');
  const [loaded, setLoaded] = useState<Awaited<ReturnType<typeof loadResults>> | null>(null);
  /** The id of the active option; empty if none is active, null if no options are shown. */
  const [active, setActive] = useState<string | null>(null);
  const [isFocused, setFocused] = useState(false);
  /** The element that had the focus before. */
  const cameFrom = useRef<EventTarget>(null);
  const results = useRef<StartResultsHandle>(null);
  const id = useId();
  const load = () => void loadResults().then(setLoaded, () => undefined);

  function open(place: Place) {
    setText('');
    onPlace(place, false);
  }

  function submit() {
    const handle = typedHandle(text);
    if (results.current !== null) {
      results.current.submit();
    } else if (isHandle(handle)) {
      open({ kind: 'handle', handle });
    }
  }

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>) {
    if (event.key !== 'Escape' || isComposing(event)) {
      results.current?.onKeyDown(event);
      return;
    }
    event.preventDefault();
    if (text !== '') {
      setText('');
    } else if (cameFrom.current instanceof HTMLElement && cameFrom.current.isConnected) {
      cameFrom.current.focus();
    } else {
      event.currentTarget.blur();
    }
  }

  return (
    <form
      className="cruddur cruddur-start"
      role="search"
      aria-label={say('start.label')}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor={id} className="cruddur-visually-hidden">
        {say('start.field')}
      </label>
      <div className="cruddur-start-field">
        <Icon>
          <path d="M16 16l4 4M11 5a6 6 0 1 0 .01 0" />
        </Icon>
        <input
          id={id}
          type="text"
          role="combobox"
          aria-autocomplete="list"
          aria-controls={`${id}-options`}
          aria-expanded={active !== null}
          aria-activedescendant={active || undefined}
          aria-describedby={`${id}-found`}
          // The placeholder has the direction of the page.
          dir={text === '' ? undefined : 'auto'}
          placeholder={say('start.placeholder')}
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          enterKeyHint="go"
          value={text}
          onFocus={(event) => {
            load();
            setFocused(true);
            cameFrom.current = event.relatedTarget;
          }}
          onBlur={() => setFocused(false)}
          onChange={(event) => {
            load();
            setText(event.target.value);
          }}
          onKeyDown={onKeyDown}
        />
      </div>
      {loaded !== null && (
        <loaded.StartResults
          ref={results}
          id={id}
          text={text}
          isFocused={isFocused}
          onActive={setActive}
          onOpen={open}
        />
      )}
    </form>
  );
}
