import type { Store } from './store.ts';

const prefixes = (user: string) => [`cruddur.outbox.${user}.`, `cruddur.draft.${user}.`];

/** A person's unsent messages and drafts on this device, including those of other versions of the page. */
export function storedTexts(store: Store, user: string): string[] {
  return keysOf(store, user).flatMap((key) => textOf(store.get(key) ?? ''));
}

/** Removes the entries that `storedTexts` reads. */
export function removeStoredTexts(store: Store, user: string): void {
  for (const key of keysOf(store, user)) {
    store.remove(key);
  }
}

/** Removes all of a person's keys, which begin with `cruddur.KIND.USER`. */
export function removeAllOf(store: Store, user: string): void {
  for (const key of store.keys('cruddur.')) {
    const owner = key.replace(/^cruddur\.[^.]*\./, '');
    if (owner === user || owner.startsWith(`${user}.`)) {
      store.remove(key);
    }
  }
}

function keysOf(store: Store, user: string): string[] {
  return prefixes(user).flatMap((prefix) => store.keys(prefix));
}

/** The text of an entry, or the whole entry if it can't be parsed. */
function textOf(json: string): string[] {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string') {
      // A reply that is not begun has no text, nor has a deletion that is not stored.
      return value.text === '' ? [] : [value.text];
    }
  } catch {
    // Not JSON.
  }
  return json === '' ? [] : [json];
}
