import { local } from './local.ts';

const prefixes = (user: string) => [`cruddur.outbox.${user}.`, `cruddur.draft.${user}.`];

/** What a person wrote and this device keeps: unsent messages and drafts, also those of another version of the page. */
export function keptTexts(user: string): string[] {
  return keysOf(user).flatMap((key) => textOf(local.get(key) ?? ''));
}

export function removeKeptTexts(user: string): void {
  for (const key of keysOf(user)) {
    local.remove(key);
  }
}

/** Removes everything that the page keeps for a person under keys of the form `cruddur.KIND.USER` and below. */
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

/** The text of an entry; the entry itself if it can't be read. */
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
