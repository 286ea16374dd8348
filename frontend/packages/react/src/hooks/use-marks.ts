import { type RefObject, useEffect } from 'react';
import { placesOf } from '../texts/matching.ts';

/**
 * Marks a folded query in the shown messages of a conversation. `here` is an element of the conversation, and `current` the key
 * of the message with the current match.
 *
 * The highlights are not elements, so the messages are not rendered for them. Firefox has them since version 140.
 */
export function useMarks(here: RefObject<HTMLElement | null>, query: string, current: string | undefined): void {
  useEffect(() => {
    const box = here.current?.closest('.cruddur-conversation');
    if (query === '' || !box || typeof Highlight === 'undefined') {
      return undefined;
    }
    const highlights = { others: highlightOf('cruddur-match'), current: highlightOf('cruddur-match-current') };
    let marked: { highlight: Highlight; range: Range }[] = [];
    const clear = () => {
      for (const { highlight, range } of marked) {
        highlight.delete(range);
      }
      marked = [];
    };
    const mark = () => {
      clear();
      for (const row of box.querySelectorAll<HTMLElement>('[data-key]')) {
        const highlight = row.dataset['key'] === current ? highlights.current : highlights.others;
        for (const range of rangesIn(row, query)) {
          highlight.add(range);
          marked.push({ highlight, range });
        }
      }
    };
    mark();
    // Rows come and go while the list is scrolled.
    const observer = new MutationObserver(mark);
    observer.observe(box, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      clear();
    };
  }, [here, query, current]);
}

/** The highlight of a name, which all conversations of the document share. */
function highlightOf(name: string): Highlight {
  const highlight = CSS.highlights.get(name) ?? new Highlight();
  CSS.highlights.set(name, highlight);
  return highlight;
}

/** The ranges of a query in the text of a message, which can consist of several nodes. */
function rangesIn(row: HTMLElement, query: string): Range[] {
  const nodes: { node: Node; end: number }[] = [];
  let text = '';
  for (const bubble of row.querySelectorAll('.cruddur-bubble')) {
    const walker = document.createTreeWalker(bubble, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (node.parentElement?.closest('.cruddur-quote, .cruddur-gone') === null) {
        text += node.nodeValue ?? '';
        nodes.push({ node, end: text.length });
      }
    }
  }
  return placesOf(query, text).map(([start, end]) => {
    const range = document.createRange();
    const first = nodes.find((node) => node.end > start);
    const last = nodes.find((node) => node.end >= end);
    if (first !== undefined && last !== undefined) {
      range.setStart(first.node, start - first.end + lengthOf(first.node));
      range.setEnd(last.node, end - last.end + lengthOf(last.node));
    }
    return range;
  });
}

function lengthOf(node: Node): number {
  return node.nodeValue?.length ?? 0;
}
