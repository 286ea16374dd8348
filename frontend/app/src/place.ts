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

/** What `history.state` keeps of a place: the path does not have it. */
export function historyStateOf(place: Place | null): unknown {
  if (place?.person === undefined) {
    return null;
  }
  const { uuid, handle, name } = place.person;
  const person = { uuid, handle, name };
  return place.kind === 'group' ? { person, key: place.key } : { person, chosen: place.chosen };
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
