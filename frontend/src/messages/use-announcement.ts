import { useState } from 'react';
import { attention } from '../outbox/attention.ts';
import type { Bubble, Day } from './timeline.ts';

interface Heard {
  keys: ReadonlySet<string>;
  text: string;
}

/**
 * What a screen reader should say of a conversation that is open: messages of others that came, and own ones that
 * could not be sent. What was there at first, and older messages that are loaded, are no news.
 */
export function useAnnouncement(days: readonly Day[]): string {
  const bubbles = days.flatMap((day) => day.bubbles);
  const [heard, setHeard] = useState<Heard>(() => ({ keys: new Set(bubbles.map(newsKey)), text: '' }));
  const unheard = bubbles.filter((bubble) => !heard.keys.has(newsKey(bubble)));
  if (unheard.length > 0) {
    const known = bubbles.findLastIndex((bubble) => heard.keys.has(newsKey(bubble)));
    const news = unheard.flatMap((bubble) => {
      const problem = bubble.entry && attention(bubble.entry);
      if (problem !== null) {
        return [`Your message: ${problem}`];
      }
      const came = !bubble.own && bubbles.indexOf(bubble) > known;
      return came ? [`${bubble.name}: ${bubble.text}`] : [];
    });
    setHeard({
      keys: new Set([...heard.keys, ...unheard.map(newsKey)]),
      text: news.length > 0 ? news.join(' ') : heard.text,
    });
  }
  return heard.text;
}

/** A message that gets into trouble is news again, but only once: each further attempt may fail as well. */
function newsKey({ key, entry }: Bubble): string {
  return entry !== null && attention(entry) !== null ? `${key} ${entry.state.name}` : key;
}
