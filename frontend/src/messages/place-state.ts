import { type Recipient, parseRecipient } from '../users/recipient.ts';

/** The `history.state` of a conversation. */
export interface PlaceState {
  /** The other user, even if another user has the handle in the address now. */
  person: Recipient;
  /** Whether the user picked this person when asked. */
  chosen?: boolean;
  /** The key of the new conversation that became this group. */
  key?: string;
}

/** The state for a link to a person. */
export function placeState(person: Recipient, more: Omit<PlaceState, 'person'> = {}): PlaceState {
  return { ...more, person: { uuid: person.uuid, handle: person.handle, name: person.name } };
}

/** Parses `history.state`. Returns null if it names no person. */
export function parsePlaceState(value: unknown): PlaceState | null {
  const state: Partial<Record<keyof PlaceState, unknown>> = typeof value === 'object' && value !== null ? value : {};
  const person = parseRecipient(state.person);
  return (
    person && {
      person,
      ...(state.chosen === true && { chosen: true }),
      ...(typeof state.key === 'string' && { key: state.key }),
    }
  );
}
