import type { PagedList } from '@cruddur/client';
import { type ReactNode, type RefObject, useRef, useState, useSyncExternalStore } from 'react';
import { useTexts } from '../hooks/use-texts.ts';
import type { ConversationTextKey } from '../texts/conversation/en.ts';
import { explain } from '../texts/explain.ts';
import { MoreButton } from './more-button.tsx';

/** What a button of a row does, and the texts for its outcome. */
interface RowAction {
  run: () => Promise<void>;
  done: string;
  failed: (reason: string) => string;
}

interface Outcome {
  text: string;
  isProblem: boolean;
}

/** The outcome of the last action on a list, and the function that runs one and then removes the row. */
export function useRowActions<Row extends { uuid: string }>(create: () => PagedList<Row>) {
  const texts = useTexts();
  const [list] = useState(create);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  const note = useRef<HTMLParagraphElement>(null);

  async function run({ uuid }: Row, action: RowAction): Promise<void> {
    setOutcome(null);
    try {
      await action.run();
    } catch (failure) {
      setOutcome({ text: action.failed(explain(texts, failure)), isProblem: true });
      return;
    }
    // The button with the focus is about to be removed.
    note.current?.focus();
    list.remove((row) => row.uuid === uuid);
    setOutcome({ text: action.done, isProblem: false });
  }

  return { list, outcome, note, act: (row: Row, action: RowAction) => void run(row, action) };
}

interface Props<Row extends { uuid: string }> {
  list: PagedList<Row>;
  outcome: Outcome | null;
  /** The outcome's element, which gets the focus. */
  note: RefObject<HTMLParagraphElement | null>;
  /** Shown if the list is empty. */
  nothing: ConversationTextKey;
  /** The button that loads more rows. */
  more: ConversationTextKey;
  children: (row: Row) => ReactNode;
}

/** A list of people with buttons that remove them from it. */
export function PeopleList<Row extends { uuid: string }>({ list, outcome, note, nothing, more, children }: Props<Row>) {
  const texts = useTexts();
  const { text } = texts;
  const { value, error, isLoadingMore, moreError } = useSyncExternalStore(list.subscribe, list.state);
  return (
    <div className="cruddur-blocked">
      <p ref={note} className={outcome?.isProblem === true ? 'cruddur-problem' : 'cruddur-hint'} role="status" tabIndex={-1}>
        {outcome?.text ?? (value === undefined && (error === null ? text('loading') : explain(texts, error)))}
      </p>
      {value?.rows.length === 0 && value.next === null && <p className="cruddur-hint">{text(nothing)}</p>}
      {value !== undefined && value.rows.length > 0 && <ul>{value.rows.map(children)}</ul>}
      {value !== undefined && value.next !== null && (
        <MoreButton label={text(more)} isLoading={isLoadingMore} onMore={() => void list.loadMore()} heir={note} />
      )}
      {moreError !== null && <p className="cruddur-problem">{explain(texts, moreError)}</p>}
    </div>
  );
}
