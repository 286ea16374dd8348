import { useState } from 'react';
import { attention } from '../outbox/attention.ts';
import type { Bubble, Day } from './timeline.ts';

interface Announced {
  keys: ReadonlySet<string>;
  text: string;
}

/**
 * The text for screen readers in an open conversation: new messages of the other user, and own messages that could not be
 * sent. Excludes the messages loaded first and older ones.
 */
export function useAnnouncement(days: readonly Day[]): string {
  const bubbles = days.flatMap((day) => day.bubbles);
  const [announced, setAnnounced] = useState<Announced>(() => ({ keys: new Set(bubbles.map(newsKey)), text: '' }));
  const pending = bubbles.filter((bubble) => !announced.keys.has(newsKey(bubble)));
  if (pending.length > 0) {
    const known = bubbles.findLastIndex((bubble) => announced.keys.has(newsKey(bubble)));
    const news = pending.flatMap((bubble) => {
      const problem = bubble.entry && attention(bubble.entry);
      if (problem !== null) {
        return [`Your message: ${problem}`];
      }
      const isNews = !bubble.own && bubbles.indexOf(bubble) > known;
      return isNews ? [`${bubble.name}: ${bubble.text}`] : [];
    });
    setAnnounced({
      keys: new Set([...announced.keys, ...pending.map(newsKey)]),
      text: news.length > 0 ? news.join(' ') : announced.text,
    });
  }
  return announced.text;
}

/** A message that fails is announced once: further attempts may fail too. */
function newsKey({ key, entry }: Bubble): string {
  return entry !== null && attention(entry) !== null ? `${key} ${entry.state.name}` : key;
}
