import type { Bubble } from '@cruddur/client';
import { use } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import { plainNumber } from '../texts/formats.ts';
import { ConversationContext } from './conversation-context.ts';

/** The reactions to a message. The own ones are pressed. */
export function Reactions({ bubble }: { bubble: Bubble }) {
  const conversation = use(ConversationContext);
  const { locale, text } = useTexts();
  return (
    <div className="cruddur-reactions" role="group" aria-label={text('message.reactions')}>
      {bubble.reactions.map(({ emoji, users, own }) => {
        const others = users.length > (own ? 1 : 0) ? [conversation?.otherName ?? ''] : [];
        const names = [...others, ...(own ? [text('message.you')] : [])].filter(Boolean);
        const label = text('reaction.by', { emoji, names: names.join(', ') });
        return (
          <button
            key={emoji}
            type="button"
            className="cruddur-reaction"
            aria-pressed={own}
            aria-label={label}
            title={label}
            onClick={({ currentTarget, detail }) => {
              conversation?.react(bubble, emoji, !own);
              if (own && users.length === 1 && detail === 0) {
                // The button is removed, and the keyboard needs another place.
                currentTarget.closest<HTMLElement>('[data-key]')?.focus({ preventScroll: true });
              }
            }}
          >
            {emoji}
            {users.length > 1 && <span>{plainNumber(locale, users.length)}</span>}
          </button>
        );
      })}
    </div>
  );
}
