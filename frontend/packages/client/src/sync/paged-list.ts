import { newestRows } from '../api/pages.ts';
import type { Page } from '../api/types.ts';
import { Polled, type PolledState } from './polled.ts';
import type { Polling } from './polling.ts';

/** The loaded part of a list. */
export interface Loaded<Row> {
  rows: readonly Row[];
  /** The cursor of the next page; null if all rows are loaded. */
  next: string | null;
}

export interface ListState<Row> extends PolledState<Loaded<Row>> {
  /** Whether a further page is being loaded. */
  isLoadingMore: boolean;
  /** Why the last further page could not be loaded; null if it was. */
  moreError: unknown;
}

export interface ListOptions<Row> {
  load: (cursor: string | null) => Promise<Page<Row>>;
  /** Adds rows to those known. Returns `known` itself if nothing changes. */
  merge: (known: readonly Row[], fresh: readonly Row[]) => readonly Row[];
  /** Whether a page reaches the newest known row, so that no row in between is missing. */
  reachesKnown: (page: readonly Row[], known: readonly Row[]) => boolean;
  /** Whether known rows stay if rows between them and the newest are missing. */
  keepsRowsAcrossGap: boolean;
  random?: () => number;
}

/** A list of the API, newest rows first to be loaded, kept up to date while it has subscribers. */
export class PagedList<Row> {
  readonly #options: ListOptions<Row>;
  readonly #polled: Polled<Loaded<Row>>;
  readonly #listeners = new Set<() => void>();
  #more: Pick<ListState<Row>, 'isLoadingMore' | 'moreError'> = { isLoadingMore: false, moreError: null };
  #state: ListState<Row>;

  constructor(polling: Polling, options: ListOptions<Row>) {
    this.#options = options;
    this.#polled = new Polled<Loaded<Row>>(polling, {
      load: () => this.#newest(),
      isSame: (a, b) => a.rows === b.rows && a.next === b.next,
      ...(options.random && { random: options.random }),
    });
    this.#state = { ...this.#polled.state(), ...this.#more };
  }

  /** Whether it has subscribers. */
  get isInUse(): boolean {
    return this.#listeners.size > 0;
  }

  /** The same object until something changes. */
  readonly state = (): ListState<Row> => {
    const { value, error } = this.#polled.state();
    const { value: before, error: errorBefore, isLoadingMore, moreError } = this.#state;
    const { isLoadingMore: loads, moreError: failed } = this.#more;
    if (value !== before || error !== errorBefore || isLoadingMore !== loads || moreError !== failed) {
      this.#state = { value, error, ...this.#more };
    }
    return this.#state;
  };

  /** Calls `listener` after each change. Returns a function that ends this. The list is polled while it has listeners. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    const unsubscribe = this.#polled.subscribe(listener);
    return () => {
      this.#listeners.delete(listener);
      unsubscribe();
    };
  };

  /** Requests the newest rows now. Never rejects: the error is in the state. */
  readonly refresh = (): Promise<void> => this.#polled.refresh();

  /** Requests the newest rows now, and again if a request is in progress. */
  readonly reload = (): Promise<void> => this.#polled.reload();

  /** Loads the next page, if there is one and it is not being loaded. The error is in the state. */
  readonly loadMore = async (): Promise<void> => {
    const cursor = this.#polled.state().value?.next ?? null;
    if (cursor === null || this.#more.isLoadingMore) {
      return;
    }
    this.#setMore({ isLoadingMore: true, moreError: null });
    try {
      const page = await this.#options.load(cursor);
      this.#more = { isLoadingMore: false, moreError: null };
      this.#polled.update((known) => known && this.#withPage(known, page, cursor));
      this.#setMore(this.#more);
    } catch (error) {
      this.#setMore({ isLoadingMore: false, moreError: error });
    }
  };

  async #newest(): Promise<Loaded<Row>> {
    const { load, merge, reachesKnown, keepsRowsAcrossGap } = this.#options;
    const before = this.#polled.state().value?.rows ?? [];
    const fresh = await newestRows(load, (page) => reachesKnown(page, before));
    // A further page may have been loaded meanwhile.
    const known = this.#polled.state().value;
    if (known === undefined || (!fresh.joined && !keepsRowsAcrossGap)) {
      // After a gap, the next page has the rows before it.
      return { rows: merge([], fresh.rows), next: fresh.next };
    }
    return { rows: merge(known.rows, fresh.rows), next: fresh.joined ? known.next : fresh.next };
  }

  #withPage(known: Loaded<Row>, page: Page<Row>, cursor: string): Loaded<Row> {
    // After a gap, the list continues at another cursor.
    const isNext = known.next === cursor;
    if (!isNext && !this.#options.keepsRowsAcrossGap) {
      return known;
    }
    return { rows: this.#options.merge(known.rows, page.rows), next: isNext ? page.next : known.next };
  }

  #setMore(more: Pick<ListState<Row>, 'isLoadingMore' | 'moreError'>): void {
    this.#more = more;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
