import type { ApiError } from '../api/api-error.ts';
import { newestRows } from '../api/pages.ts';
import type { Page } from '../api/types.ts';
import type { Connectivity } from './connectivity.ts';
import { Resource, type ResourceState } from './resource.ts';

/** Milliseconds for which a list is not loaded again, unless events say that it changed. Names change without events. */
const FRESH_FOR = 10 * 60_000;

/** The loaded part of a list. */
export interface Loaded<Row> {
  rows: readonly Row[];
  /** The cursor of the next page; null if all rows are loaded. */
  next: string | null;
}

export interface ListState<Row> extends ResourceState<Loaded<Row>> {
  /** Whether a further page is being loaded. */
  isLoadingMore: boolean;
  /** Why the last further page could not be loaded; null if it was. */
  moreError: unknown;
  /** Whether the rows are those that an earlier page has stored. They may be out of date, and the first response replaces them. */
  isStored: boolean;
}

type More = Omit<ListState<never>, keyof ResourceState<never>>;

export interface ListOptions<Row> {
  /** The rows that an earlier page has stored. */
  stored?: Loaded<Row> | undefined;
  load: (cursor: string | null, limit?: number) => Promise<Page<Row>>;
  /** Adds rows to those known. Returns `known` itself if nothing changes. */
  merge: (known: readonly Row[], fresh: readonly Row[]) => readonly Row[];
  /** Whether a page reaches the newest known row, so that no row in between is missing. */
  reachesKnown: (page: readonly Row[], known: readonly Row[]) => boolean;
  /** Whether known rows stay if rows between them and the newest are missing. */
  keepsRowsAcrossGap: boolean;
  /** Called when the list comes into use or is no longer in use, and after it was loaded or changed. */
  onUse?: () => void;
  random?: () => number;
}

/** A list of the API, newest rows first to be loaded. Events keep it up to date. */
export class PagedList<Row extends { uuid: string }> {
  readonly #options: ListOptions<Row>;
  readonly #resource: Resource<Loaded<Row>>;
  readonly #listeners = new Set<() => void>();
  /** The rows that were added during each request in progress: the response may be older. */
  readonly #added = new Set<Row[]>();
  /** The cursors of the pages on which rows were found, by uuid. */
  readonly #cursors = new Map<string, string>();
  /**
   * The rows at the last time at which none was missing between them and the newest row; null if none is missing now. Rows that
   * are added later do not show that those before them are known.
   */
  #complete: { rows: readonly Row[] } | null = null;
  #more: More;
  #moreRequest: Promise<void> | null = null;
  /** The state, and what it was made of. */
  #made: { of: ResourceState<Loaded<Row>>; more: More; state: ListState<Row> } | null = null;

  constructor(connectivity: Connectivity, options: ListOptions<Row>) {
    this.#options = options;
    this.#resource = new Resource<Loaded<Row>>(connectivity, {
      load: () => this.#newest(),
      initial: options.stored,
      onChange: () => options.onUse?.(),
      isSame: (a, b) => a.rows === b.rows && a.next === b.next,
      freshFor: FRESH_FOR,
      ...(options.random && { random: options.random }),
    });
    this.#more = { isLoadingMore: false, moreError: null, isStored: options.stored !== undefined };
  }

  /** Whether it has subscribers. */
  get isInUse(): boolean {
    return this.#resource.isInUse;
  }

  /** Whether the newest rows are being loaded. */
  get isLoading(): boolean {
    return this.#resource.request !== null;
  }

  /** The same object until something changes. */
  readonly state = (): ListState<Row> => {
    const of = this.#resource.state();
    const more = this.#more;
    if (this.#made?.of !== of || this.#made.more !== more) {
      this.#made = { of, more, state: { ...of, ...more } };
    }
    return this.#made.state;
  };

  /** Calls `listener` after each change. Returns a function that ends this. The list is kept up to date while it has listeners. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    const unsubscribe = this.#resource.subscribe(listener);
    this.#options.onUse?.();
    return () => {
      this.#listeners.delete(listener);
      unsubscribe();
      this.#options.onUse?.();
    };
  };

  /** Requests the newest rows now. Never rejects: the error is in the state. */
  readonly refresh = (): Promise<void> => this.#resource.refresh();

  /** Reports that rows have changed on the server. Loads them if the list is in use, otherwise when it comes into use. */
  readonly invalidate = (): Promise<void> => {
    this.#complete = { rows: this.#complete?.rows ?? this.#rows() };
    return this.#resource.invalidate();
  };

  /** Adds rows that an event has brought. Ignores them if the list is not loaded, and those before its loaded part. */
  add(fresh: readonly Row[]): void {
    for (const added of this.#added) {
      added.push(...fresh);
    }
    this.#resource.update((known) => known && this.#with(known, fresh));
  }

  /** Adds the rows of a response. Those that are added during the request replace them: the response may be older. */
  async addLoaded(load: () => Promise<readonly Row[]>): Promise<void> {
    const added: Row[] = [];
    this.#added.add(added);
    try {
      const rows = await load();
      this.add([...rows, ...added]);
    } finally {
      this.#added.delete(added);
    }
  }

  /** Removes rows. A later response with such a row adds it again, unless `merge` leaves it out. */
  remove(isRemoved: (row: Row) => boolean): void {
    this.update((known) => ({ ...known, rows: known.rows.filter((row) => !isRemoved(row)) }));
  }

  /** Changes the loaded part. The responses of requests in progress are merged into the result. */
  update(change: (known: Loaded<Row>) => Loaded<Row>): void {
    this.#resource.update((known) => known && change(known));
  }

  /** The cursor of the page with a row; null if the row came with the newest ones. */
  cursorOf(uuid: string): string | null {
    return this.#cursors.get(uuid) ?? null;
  }

  /** Requests a page, without adding its rows. */
  page(cursor: string | null): Promise<Page<Row>> {
    return this.#options.load(cursor);
  }

  /** Drops all rows, of which any may be out of date. Loads the newest ones if the list is in use. */
  reset(): void {
    this.#complete = null;
    this.#more = { ...this.#more, isStored: false };
    this.#cursors.clear();
    this.#resource.update(() => undefined);
    void this.#resource.invalidate();
  }

  /** Loads the next page, of up to `limit` rows, if there is one. Joins a request in progress. The error is in the state. */
  readonly loadMore = (limit?: number): Promise<void> => {
    this.#moreRequest ??= this.#loadMore(limit).finally(() => {
      this.#moreRequest = null;
    });
    return this.#moreRequest;
  };

  /** The requests in progress, whose responses may be older than an event; null if there are none. Never rejects. */
  get requests(): Promise<unknown> | null {
    const { request } = this.#resource;
    return request === null && this.#moreRequest === null ? null : Promise.all([request, this.#moreRequest]);
  }

  async #loadMore(limit?: number): Promise<void> {
    if (this.#more.isStored) {
      // The cursor is unknown until then. Without a network, the further page fails, too.
      await this.refresh();
    }
    const cursor = this.#resource.state().value?.next ?? null;
    if (cursor === null) {
      return;
    }
    const added: Row[] = [];
    this.#added.add(added);
    this.#setMore({ ...this.#more, isLoadingMore: true, moreError: null });
    try {
      const page = await this.#options.load(cursor, limit);
      this.#more = { ...this.#more, isLoadingMore: false };
      this.#resource.update((known) => known && this.#with(this.#withPage(known, page, cursor), added));
      this.#setMore(this.#more);
    } catch (error) {
      this.#setMore({ ...this.#more, isLoadingMore: false, moreError: error });
    } finally {
      this.#added.delete(added);
    }
  }

  async #newest(): Promise<Loaded<Row>> {
    const { load, merge, reachesKnown, keepsRowsAcrossGap, onUse } = this.#options;
    const complete = this.#complete;
    const before = this.#more.isStored ? [] : (complete?.rows ?? this.#rows());
    const added: Row[] = [];
    this.#added.add(added);
    try {
      const fresh = await newestRows(load, (page) => reachesKnown(page, before));
      // After an invalidation during the request, rows after the response may be missing.
      this.#complete = this.#complete === complete ? null : { rows: fresh.rows };
      // A further page may have been loaded meanwhile.
      const known = this.#more.isStored ? undefined : this.#resource.state().value;
      if (this.#more.isStored) {
        this.#more = { ...this.#more, moreError: null, isStored: false };
      }
      if (known === undefined || (!fresh.joined && !keepsRowsAcrossGap)) {
        // After a gap, the next page has the rows before it.
        return this.#with({ rows: merge([], fresh.rows), next: fresh.next }, added);
      }
      return this.#with({ rows: merge(known.rows, fresh.rows), next: fresh.joined ? known.next : fresh.next }, added);
    } catch (error) {
      if (this.#more.isStored && (error as Partial<ApiError>).isTransient === false) {
        // The person may no longer see the rows.
        this.#more = { ...this.#more, isStored: false };
        this.#resource.update(() => undefined);
      }
      throw error;
    } finally {
      this.#added.delete(added);
      onUse?.();
    }
  }

  #rows(): readonly Row[] {
    return this.#resource.state().value?.rows ?? [];
  }

  #with(known: Loaded<Row>, fresh: readonly Row[]): Loaded<Row> {
    const { merge, keepsRowsAcrossGap } = this.#options;
    let { rows } = known;
    for (const row of fresh) {
      const merged = merge(rows, [row]);
      // A row before the loaded part comes with its page.
      if (keepsRowsAcrossGap || known.next === null || merged[0]?.uuid === rows[0]?.uuid) {
        rows = merged;
      }
    }
    return { ...known, rows };
  }

  #withPage(known: Loaded<Row>, page: Page<Row>, cursor: string): Loaded<Row> {
    // After a gap, the list continues at another cursor.
    const isNext = known.next === cursor;
    if (!isNext && !this.#options.keepsRowsAcrossGap) {
      return known;
    }
    for (const { uuid } of page.rows) {
      this.#cursors.set(uuid, cursor);
    }
    return { rows: this.#options.merge(known.rows, page.rows), next: isNext ? page.next : known.next };
  }

  #setMore(more: More): void {
    this.#more = more;
    for (const listener of this.#listeners) {
      listener();
    }
  }
}
