import type { User } from '../api/types.ts';

/** Milliseconds for which the server may list an earlier name: it caches names for a minute. */
const CACHED_FOR = 70_000;

/** The names in new messages, while the lists of the server may still have earlier ones. */
export class NewNames {
  readonly #names = new Map<string, { user: User; until: number }>();

  /** Keeps the name in a new message. */
  add(user: User): void {
    this.#names.set(user.uuid, { user, until: performance.now() + CACHED_FOR });
  }

  /** Returns the row with its user's new name, if there is one. */
  applied<Row extends { user_uuid: string; handle: string; display_name: string }>(row: Row): Row {
    const known = this.#names.get(row.user_uuid);
    if (known === undefined || known.until < performance.now()) {
      return row;
    }
    const { handle, display_name } = known.user;
    return { ...row, handle, display_name };
  }
}
