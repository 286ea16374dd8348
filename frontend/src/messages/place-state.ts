import { type Recipient, parseRecipient } from '../users/recipient.ts';

/** What an entry of the browser's history knows of a conversation beside its address. */
export interface PlaceState {
  /** Whom it is about, whoever has the handle of the address. */
  person: Recipient;
  /** Whether one has said so, knowing who has the handle. */
  chosen?: boolean;
  /** The key of the place from which it was entered. */
  key?: string;
}

/** The state of a link that leads to a person. */
export function placeState(person: Recipient, more: Omit<PlaceState, 'person'> = {}): PlaceState {
  return { ...more, person: { uuid: person.uuid, handle: person.handle, name: person.name } };
}

/** The state of such a link; null for what came otherwise. */
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
