import type { MessagesClient } from '@cruddur/client';
import { createContext, useContext } from 'react';
import type { Components } from './components.ts';
import type { Place } from './place.ts';
import type { Catalog } from './texts/catalog.ts';
import type { BaseTexts } from './texts/messages-texts.ts';

/** What the components share. */
export interface MessagesContextValue {
  client: MessagesClient;
  texts: BaseTexts;
  /** The texts of another language; undefined for English. */
  catalog: Partial<Catalog> | undefined;
  components: Components;
  /** The open conversation; null if none is. */
  place: Place | null;
  /** Opens a conversation, or none. `replace` if the place before it is the same conversation. */
  onPlace: (place: Place | null, replace: boolean) => void;
  /** How often `onPlace` was called with the open conversation. */
  reopenings: number;
  /** The address of a place, for its links. Without it, links are buttons. */
  hrefOf: ((place: Place | null) => string) | undefined;
}

export const MessagesContext = createContext<MessagesContextValue | null>(null);

/** What the provider around a component provides. Throws outside of a provider. */
export function useMessages(): MessagesContextValue {
  const value = useContext(MessagesContext);
  if (value === null) {
    throw new Error('a component of @cruddur/react is used outside of MessagesProvider');
  }
  return value;
}

/** The client of the provider. */
export const useClient = (): MessagesClient => useMessages().client;
/** The texts that are loaded from the start, in the language of the provider. */
export const useBaseTexts = (): BaseTexts => useMessages().texts;
/** The replaced components. */
export const useComponents = (): Components => useMessages().components;
