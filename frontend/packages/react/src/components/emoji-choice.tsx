import { type EmojiData, type EmojiPickerListComponents, EmojiPicker as Picker, useSkinTone } from 'frimousse';
import { type KeyboardEvent, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { groups } from '../emoji/emoji-list.ts';
import { preventTap } from '../tap.ts';
import { findEmoji } from '../emoji/find-emoji.ts';
import { withTone } from '../emoji/tones.ts';
import { useFocusRing } from '../hooks/use-focus-ring.ts';
import { useTexts } from '../hooks/use-texts.ts';
import { isComposing } from '../keys.ts';
import type { MessagesTexts } from '../texts/messages-texts.ts';
import type { EmojiPickerProps } from './emoji-picker.tsx';
import { place } from './place-popover.ts';

export interface EmojiChoiceProps extends EmojiPickerProps {
  data: EmojiData;
}

/** Columns of 2.5 units, which fit into a window of 360 pixels. */
const COLUMNS = 8;

/** The steps of the arrow keys in a search's emoji. */
const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -COLUMNS, ArrowDown: COLUMNS };

const GROUP_KEYS = [
  'emoji.smileys',
  'emoji.people',
  'emoji.animals',
  'emoji.food',
  'emoji.travel',
  'emoji.activities',
  'emoji.objects',
  'emoji.symbols',
  'emoji.flags',
] as const;

/** The library counts rows and columns from 0, where ARIA has 1, and finds the rows by their numbers. */
const LIST: EmojiPickerListComponents = {
  CategoryHeader: ({ category, ...props }) => (
    <div {...props} className="cruddur-emoji-group" dir="auto">
      {category.label}
    </div>
  ),
  Row: ({ 'aria-rowindex': row, ...props }) => <div {...props} aria-rowindex={row || undefined} className="cruddur-emoji-row" />,
  Emoji: ({ emoji, 'aria-colindex': column = 0, ...props }) => (
    <button type="button" {...props} role="gridcell" aria-colindex={column + 1} className="cruddur-emoji">
      {emoji.emoji}
    </button>
  ),
};

/** The emoji with their names in the language of the texts, or in English. */
export async function loadEmojiData(texts: MessagesTexts): Promise<EmojiData> {
  const { locale, text } = texts;
  const isArabic = /^ar\b/.test(locale);
  const { names } = await (isArabic ? import('../emoji/emoji-names-ar.ts') : import('../emoji/emoji-names-en.ts'));
  const listed = groups.flatMap((group, category) => group.split(' ').map((mark) => ({ mark, category })));
  return {
    locale: isArabic ? 'ar' : 'en',
    categories: GROUP_KEYS.map((key, index) => ({ index, label: text(key) })),
    emojis: listed.map(({ mark, category }, index) => {
      const [label = '', ...tags] = names[index]?.split(';') ?? [];
      const hasTones = mark.length > 1 && mark.endsWith('*');
      const emoji = hasTones ? mark.slice(0, -1) : mark;
      return { emoji, category, label, version: 1, tags: [...tags, emoji], skins: hasTones ? skinsOf(emoji) : undefined };
    }),
    skinTones: {
      light: text('emoji.toneLight'),
      'medium-light': text('emoji.toneMediumLight'),
      medium: text('emoji.toneMedium'),
      'medium-dark': text('emoji.toneMediumDark'),
      dark: text('emoji.toneDark'),
    },
  };
}

function skinsOf(emoji: string) {
  return {
    light: withTone(emoji, 1),
    'medium-light': withTone(emoji, 2),
    medium: withTone(emoji, 3),
    'medium-dark': withTone(emoji, 4),
    dark: withTone(emoji, 5),
  };
}

/**
 * A choice of all emoji in the browser's top layer. It is closed by a choice, Escape, Android's Back, and clicks elsewhere,
 * and then returns the focus.
 */
export function EmojiChoice({ anchor, data, onEmoji, onClose }: EmojiChoiceProps) {
  const { text } = useTexts();
  const picker = useRef<HTMLDivElement>(null);
  const isShown = useRef(false);
  const ring = useFocusRing();
  const id = useId();
  // The library's own search finds parts of words, in the order of the groups.
  const [search, setSearch] = useState('');
  const [active, setActive] = useState(0);
  const found = useMemo(() => (search.trim() === '' ? null : findEmoji(data.emojis, search)), [data, search]);

  useLayoutEffect(() => {
    const element = picker.current;
    if (element !== null && !isShown.current) {
      isShown.current = true;
      element.showPopover();
      place(element, anchor);
      // On phones, a keyboard would cover the emoji.
      const field = window.matchMedia('(pointer: fine)').matches ? element.querySelector('input') : null;
      (field ?? element).focus();
    }
  }, [anchor]);

  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    window.addEventListener('resize', () => picker.current && place(picker.current, anchor), { signal });
    window.addEventListener(
      'pointerdown',
      (event) => {
        if (picker.current !== null && !event.composedPath().includes(picker.current)) {
          preventTap(event);
        }
      },
      { signal, capture: true },
    );
    return () => listening.abort();
  }, [anchor]);

  function choose(emoji: string): void {
    onEmoji(emoji);
    picker.current?.hidePopover();
  }

  /** The keys of the search field while it finds emoji. */
  function onKeyDown(event: KeyboardEvent<HTMLInputElement>): void {
    const next = active + (STEPS[event.key] ?? 0);
    if (found !== null && !isComposing(event) && (event.key in STEPS || event.key === 'Enter')) {
      event.preventDefault();
      if (event.key === 'Enter') {
        picker.current?.querySelector<HTMLElement>('[aria-selected="true"]')?.click();
      } else if (next in found) {
        setActive(next);
      }
    }
  }

  return (
    <div
      ref={picker}
      className="cruddur-emoji-picker"
      role="dialog"
      aria-label={text('emoji.label')}
      tabIndex={-1}
      popover="auto"
      onToggle={(event) => {
        if (event.newState === 'closed') {
          onClose();
        }
      }}
    >
      <Picker.Root
        className="cruddur-emoji-root"
        locale={data.locale}
        resolveEmojiData={() => data}
        columns={COLUMNS}
        onEmojiSelect={({ emoji }) => choose(emoji)}
      >
        <div className="cruddur-emoji-head">
          <Picker.Search
            {...ring}
            className="cruddur-input"
            aria-label={text('emoji.search')}
            aria-activedescendant={found?.[active] && `${id}-${active}`}
            placeholder={text('emoji.search')}
            autoComplete="off"
            onKeyDown={onKeyDown}
            onChange={(event) => {
              event.preventDefault();
              setSearch(event.target.value);
              setActive(0);
            }}
          />
          <ToneButton tones={data.skinTones} />
        </div>
        {/* The arrow keys go from left to right in every language. */}
        {found === null ? (
          <Picker.Viewport className="cruddur-emoji-viewport" dir="ltr" role="group" tabIndex={0} aria-label={text('emoji.label')}>
            <Picker.List components={LIST} />
          </Picker.Viewport>
        ) : (
          <Found id={id} emojis={found} active={active} onChoice={choose} />
        )}
      </Picker.Root>
    </div>
  );
}

/** Chooses the next skin tone. The library's button has the name of the next tone in place of the current one. */
function ToneButton({ tones }: { tones: EmojiData['skinTones'] }) {
  const { text } = useTexts();
  const [tone, setTone, variations] = useSkinTone();
  const current = variations.findIndex(({ skinTone }) => skinTone === tone);
  const next = variations[(current + 1) % variations.length];
  return (
    <button
      type="button"
      className="cruddur-icon-button"
      aria-label={tone === 'none' ? text('emoji.tone') : `${text('emoji.tone')}: ${tones[tone]}`}
      title={text('emoji.tone')}
      // The focus stays in the search field.
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => next && setTone(next.skinTone)}
    >
      {variations[current]?.emoji}
    </button>
  );
}

interface FoundProps {
  id: string;
  emojis: EmojiData['emojis'];
  /** The index of the emoji that Enter chooses. */
  active: number;
  onChoice: (emoji: string) => void;
}

/** The emoji of a search. The focus stays in its field. */
function Found({ id, emojis, active, onChoice }: FoundProps) {
  const { text } = useTexts();
  const [tone] = useSkinTone();
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    list.current?.children[active]?.scrollIntoView({ block: 'nearest' });
  }, [active]);

  if (emojis.length === 0) {
    return (
      <p className="cruddur-emoji-empty" role="status">
        {text('emoji.none')}
      </p>
    );
  }
  return (
    <div className="cruddur-emoji-viewport">
      <div ref={list} className="cruddur-emoji-found" role="listbox" aria-label={text('start.results')} dir="ltr">
        {emojis.map(({ emoji, label, skins }, index) => {
          const toned = (tone !== 'none' && skins?.[tone]) || emoji;
          return (
            <button
              key={emoji}
              type="button"
              id={`${id}-${index}`}
              role="option"
              className="cruddur-emoji"
              aria-label={label}
              aria-selected={index === active}
              tabIndex={-1}
              onClick={() => onChoice(toned)}
            >
              {toned}
            </button>
          );
        })}
      </div>
    </div>
  );
}
