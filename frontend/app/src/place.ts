import { newConversationPath, parseRecipient } from '@cruddur/client';
import type { Place } from '@cruddur/react';
import { fieldsOf } from './auth/session.ts';

/** The path of the list of conversations. */
export const LIST = '/messages';

/** The path of a place. */
export function pathOf(place: Place | null): string {
  if (place === null) {
    return LIST;
  }
  return place.kind === 'group' ? `${LIST}/${place.uuid}` : newConversationPath(place.handle);
}

/** What `history.state` keeps of a place: the path does not have it. `depth` is that of `depthOf`. */
export function historyStateOf(place: Place | null, depth: number | undefined): unknown {
  if (place?.person === undefined) {
    return place && { depth };
  }
  const { uuid, handle, name } = place.person;
  const person = { uuid, handle, name };
  return place.kind === 'group' ? { person, depth, key: place.key } : { person, depth, chosen: place.chosen };
}

/** The number of entries of the history after the list of conversations; undefined if the list is not before the current one. */
export function depthOf(path: string, historyState: unknown): number | undefined {
  const { depth } = fieldsOf(historyState);
  return path === LIST ? 0 : typeof depth === 'number' ? depth : undefined;
}

/** The place of a path below `/messages`, without its leading slash; null for the list. */
export function placeOf(path: string, historyState: unknown): Place | null {
  const state = fieldsOf(historyState);
  const person = parseRecipient(state['person']) ?? undefined;
  const [first = '', second = ''] = path.split('/');
  if (first === 'new') {
    return second === ''
      ? null
      : { kind: 'handle', handle: decoded(second), person, ...(state['chosen'] === true && { chosen: true }) };
  }
  const key = state['key'];
  return first === '' ? null : { kind: 'group', uuid: first, person, ...(typeof key === 'string' && { key }) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
