import type { Bubble, TimelineItem } from '@cruddur/client';
import { type KeyboardEvent, type ReactNode, useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';
import { focusedIn } from '../focus.ts';
import { useCloseRequest } from '../hooks/use-close-request.ts';
import { useDebounced } from '../hooks/use-debounced.ts';
import { useMarks } from '../hooks/use-marks.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { isComposing } from '../keys.ts';
import { folded } from '../texts/matching.ts';
import { CloseIcon } from './icons.tsx';
import { Icon } from './icon.tsx';

/** The props of the search in a conversation. */
export interface ConversationSearchProps {
  /** The loaded messages. */
  items: readonly TimelineItem[];
  /** Whether there are older messages. */
  hasOlder: boolean;
  /** Whether older messages are being loaded. */
  isLoading: boolean;
  /** Why older messages could not be loaded. */
  problem: string | null;
  /** Loads a page of older messages. */
  onOlder: (limit: number) => void;
  /** Called with the key of the message to show; null for none. It stays the same function. */
  onMatch: (key: string | null) => void;
  onClose: () => void;
}

/** How far older messages are loaded. */
interface Run {
  /** The number of items at which it stops. */
  until: number;
  /** The key of the oldest match at its start; null for none. The next older one ends it, and is shown. */
  after: string | null;
}

/** Messages per page, the most that the API returns. */
const PAGE = 100;
/** Pages that are loaded until the person asks for more. */
const PAGES = 10;
const NO_RUN: Run = { until: 0, after: null };

/**
 * Searches the messages of a conversation, newest first. Without a match in the loaded messages, older ones are loaded until
 * there is one, up to ten pages at a time.
 */
export function ConversationSearch({ items, hasOlder, isLoading, problem, onOlder, onMatch, onClose }: ConversationSearchProps) {
  const { text } = useTexts();
  const [query, setQuery] = useState('');
  /** The key of the match that is shown; null for the newest one. */
  const [current, setCurrent] = useState<string | null>(null);
  const [run, setRun] = useState(NO_RUN);
  const field = useRef<HTMLInputElement>(null);
  const isSettled = useDebounced(query, 400) === query;

  const wanted = folded(query.trim());
  const messages = useMemo(() => items.filter((item): item is Bubble => item.kind === 'bubble' && !item.isDeleted), [items]);
  const matches = useMemo(
    () => (wanted === '' ? [] : messages.filter((bubble) => foldedTextOf(bubble).includes(wanted)).toReversed()),
    [messages, wanted],
  );
  const index = Math.max(0, matches.findIndex(({ key }) => key === current));
  const match = matches[index];
  const goal = matches[matches.findIndex(({ key }) => key === run.after) + 1];
  const isRunning = wanted !== '' && isSettled && items.length < run.until && hasOlder && problem === null && goal === undefined;
  useMarks(field, wanted, match?.key);
  useCloseRequest(onClose);

  if (run.after !== null && goal !== undefined) {
    setCurrent(goal.key);
    setRun(NO_RUN);
  }

  const load = useEffectEvent(() => onOlder(PAGE));
  useEffect(() => {
    if (isRunning && !isLoading) {
      load();
    }
  }, [isRunning, isLoading, items]);

  useEffect(() => onMatch(match?.key ?? null), [onMatch, match?.key]);
  useEffect(() => () => onMatch(null), [onMatch]);

  useEffect(() => {
    const element = field.current;
    const focused = element && focusedIn(element.getRootNode());
    element?.focus();
    return () => focused?.focus();
  }, []);

  function search(typed: string) {
    setQuery(typed);
    setCurrent(null);
    setRun({ until: items.length + PAGES * PAGE, after: null });
  }

  function searchOlder() {
    setRun({ until: items.length + PAGES * PAGE, after: matches.at(-1)?.key ?? null });
    if (problem !== null) {
      onOlder(PAGE);
    }
  }

  function move(step: 1 | -1) {
    const next = matches[index + step];
    if (next !== undefined) {
      setCurrent(next.key);
    } else if (step === 1 && hasOlder && wanted !== '') {
      searchOlder();
    }
  }

  function onKeyDown(event: KeyboardEvent) {
    if (isComposing(event)) {
      return;
    }
    const step = event.key === 'ArrowUp' || (event.key === 'Enter' && !event.shiftKey) ? 1 : -1;
    if (event.key === 'Escape') {
      event.preventDefault();
      onClose();
    } else if (event.target === field.current && ['Enter', 'ArrowUp', 'ArrowDown'].includes(event.key)) {
      event.preventDefault();
      move(step);
    }
  }

  const count = messages.length;
  const place = matches.length > 0 ? text('search.place', { index: index + 1, count: matches.length }) : text('search.none');
  const isDone = wanted !== '' && isSettled && !isRunning;
  const announced = match === undefined ? text('search.none') : text('search.match', { index: index + 1, count: matches.length, name: match.name, text: match.text });
  return (
    // The keys are those of its controls.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <form
      className="cruddur-search"
      role="search"
      aria-label={text('search.title')}
      onSubmit={(event) => event.preventDefault()}
      onKeyDown={onKeyDown}
    >
      <div className="cruddur-search-field">
        <input
          ref={field}
          className="cruddur-input"
          type="text"
          aria-label={text('search.title')}
          // The placeholder has the direction of the page.
          dir={query === '' ? undefined : 'auto'}
          placeholder={text('search.title')}
          autoComplete="off"
          enterKeyHint="search"
          value={query}
          onChange={(event) => search(event.target.value)}
        />
        <span className="cruddur-search-place" aria-hidden="true">
          {(match !== undefined || isDone) && place}
        </span>
        <StepButton label={text('search.older')} isOff={wanted === '' || (matches[index + 1] === undefined && !hasOlder)} onClick={() => move(1)}>
          <path d="M5 15l7-7 7 7" />
        </StepButton>
        <StepButton label={text('search.newer')} isOff={index === 0} onClick={() => move(-1)}>
          <path d="M5 9l7 7 7-7" />
        </StepButton>
        <button type="button" className="cruddur-icon-button" aria-label={text('search.close')} title={text('search.close')} onClick={onClose}>
          <CloseIcon />
        </button>
      </div>
      {wanted !== '' && hasOlder && (isRunning || isDone) && (
        <p className="cruddur-search-note">
          <span className={problem === null ? undefined : 'cruddur-problem'}>
            {problem ?? text(isRunning ? 'search.running' : 'search.searched', { count })}
          </span>
          {isRunning ? (
            <button type="button" className="cruddur-button cruddur-small" onClick={() => setRun(NO_RUN)}>
              {text('search.stop')}
            </button>
          ) : (
            <button type="button" className="cruddur-button cruddur-small" onClick={searchOlder}>
              {text(problem === null ? 'search.continue' : 'tryAgain')}
            </button>
          )}
        </p>
      )}
      <p className="cruddur-visually-hidden" role="status">
        {isDone && announced}
      </p>
    </form>
  );
}

interface StepButtonProps {
  label: string;
  /** Whether there is nothing to go to. The button keeps the focus then. */
  isOff: boolean;
  onClick: () => void;
  children: ReactNode;
}

function StepButton({ label, isOff, onClick, children }: StepButtonProps) {
  return (
    <button type="button" className="cruddur-icon-button" aria-label={label} title={label} aria-disabled={isOff} onClick={onClick}>
      <Icon>{children}</Icon>
    </button>
  );
}

const foldedTexts = new WeakMap<Bubble, string>();

function foldedTextOf(bubble: Bubble): string {
  const text = foldedTexts.get(bubble) ?? folded(bubble.text);
  foldedTexts.set(bubble, text);
  return text;
}
