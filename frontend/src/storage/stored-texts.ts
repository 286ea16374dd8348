import { local } from './local.ts';

const prefixes = (user: string) => [`cruddur.outbox.${user}.`, `cruddur.draft.${user}.`];

/** A person's unsent messages and drafts on this device, including those of other versions of the page. */
export function storedTexts(user: string): string[] {
  return keysOf(user).flatMap((key) => textOf(local.get(key) ?? ''));
}

export function removeStoredTexts(user: string): void {
  for (const key of keysOf(user)) {
    local.remove(key);
  }
}

/** Removes all of a person's keys, which begin with `cruddur.KIND.USER`. */
export function removeAllOf(user: string): void {
  for (const key of local.keys('cruddur.')) {
    const owner = key.replace(/^cruddur\.[^.]*\./, '');
    if (owner === user || owner.startsWith(`${user}.`)) {
      local.remove(key);
    }
  }
}

function keysOf(user: string): string[] {
  return prefixes(user).flatMap((prefix) => local.keys(prefix));
}

/** The text of an entry, or the whole entry if it can't be parsed. */
function textOf(json: string): string[] {
  try {
    const value: unknown = JSON.parse(json);
    if (typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string') {
      return [value.text];
    }
  } catch {
    // Not JSON.
  }
  return json === '' ? [] : [json];
}
