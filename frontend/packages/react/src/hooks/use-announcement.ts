import { type Bubble, type TimelineItem, attention, delayReason } from '@cruddur/client';
import { useState } from 'react';
import { explainEntry } from '../texts/attention.ts';
import { useTexts } from './use-texts.ts';

interface Announced {
  items: readonly TimelineItem[];
  keys: ReadonlySet<string>;
  text: string;
}

/**
 * The text for screen readers in an open conversation: new messages of the other user, and own messages that could not be
 * sent. Excludes the messages loaded first and older ones, and those of the other user in a muted conversation.
 */
export function useAnnouncement(items: readonly TimelineItem[], isMuted: boolean): string {
  const texts = useTexts();
  const [announced, setAnnounced] = useState<Announced>(() => ({ items, keys: keysOf(items), text: '' }));
  if (announced.items === items) {
    return announced.text;
  }
  const news: string[] = [];
  let isNew = true;
  // Messages after the last known one are new, others are older ones that were loaded.
  for (const bubble of items.toReversed()) {
    if (bubble.kind === 'day') {
      continue;
    }
    if (announced.keys.has(newsKey(bubble))) {
      isNew = false;
      continue;
    }
    const problem = bubble.entry && explainEntry(texts, bubble.entry);
    if (problem !== null) {
      news.push(texts.text('message.announceProblem', { problem }));
    } else if (isNew && !isMuted && !bubble.own && !bubble.isDeleted) {
      news.push(texts.text('message.announce', { name: bubble.name, text: bubble.text }));
    }
  }
  const keys = new Set([...announced.keys, ...keysOf(items)]);
  const text = news.length > 0 ? news.toReversed().join(' ') : announced.text;
  setAnnounced({ items, keys, text });
  return text;
}

function keysOf(items: readonly TimelineItem[]): Set<string> {
  return new Set(items.flatMap((item) => (item.kind === 'bubble' ? [newsKey(item)] : [])));
}

/** A message that fails is announced once: further attempts may fail too. */
function newsKey({ key, entry }: Bubble): string {
  return entry !== null && (attention(entry) ?? delayReason(entry)) !== null ? `${key} ${entry.state.name}` : key;
}
