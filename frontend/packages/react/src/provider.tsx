import { MessagesClient, type TokenFunction } from '@cruddur/client';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import type { Components } from './components.ts';
import { MessagesContext, type MessagesContextValue } from './context.ts';
import type { Place } from './place.ts';
import { type Catalog, en } from './texts/en.ts';
import { createTexts } from './texts/texts.ts';

export type MessagesProviderProps = {
  children: ReactNode;
  /** The language of the texts and dates, BCP 47; by default the person's variant of English. */
  locale?: string;
  /** The texts in the language of `locale`; by default English. */
  catalog?: Partial<Catalog>;
  /** Components to use in place of the package's. */
  components?: Components;
  /** The conversation that is open first, if the provider keeps the place itself. */
  initialPlace?: Place | null;
  hrefOf?: (place: Place | null) => string;
} & ClientProps &
  PlaceProps;

/** Either a client, which its owner starts and stops, or the options for one. */
type ClientProps =
  | { client: MessagesClient; url?: never; user?: never; token?: never }
  | {
      client?: never;
      /** The API's URL without a trailing slash and without `/api`. */
      url: string;
      /** Identifies the signed-in person on this device, for example the token's `sub`. */
      user: string;
      token: TokenFunction;
    };

/** Either the open conversation and who changes it, or nothing: then the provider keeps it. */
type PlaceProps =
  | { place: Place | null; onPlace: (place: Place | null, replace: boolean) => void }
  | { place?: never; onPlace?: (place: Place | null, replace: boolean) => void };

const NO_COMPONENTS: Components = {};

/** Provides a signed-in person's messages to the components in it. */
export function MessagesProvider(props: MessagesProviderProps) {
  const { children, locale, catalog, components = NO_COMPONENTS, initialPlace = null, hrefOf } = props;
  const client = useOwnClient(props);
  const [ownPlace, setOwnPlace] = useState<Place | null>(initialPlace);
  const place = props.place === undefined ? ownPlace : props.place;
  const { onPlace } = props;

  useHostEvents(client);
  const texts = useMemo(
    () => createTexts({ ...en, ...catalog }, locale ?? navigator.languages.find((language) => /^en\b/.test(language)) ?? 'en'),
    [catalog, locale],
  );
  const value = useMemo<MessagesContextValue>(
    () => ({
      client,
      texts,
      components,
      place,
      onPlace: (next, replace) => {
        setOwnPlace(next);
        onPlace?.(next, replace);
      },
      hrefOf,
    }),
    [client, texts, components, place, onPlace, hrefOf],
  );
  return <MessagesContext value={value}>{children}</MessagesContext>;
}

/** The client of the props, or one of its own for their options, which lives as long as `url` and `user` stay. */
function useOwnClient({ client, url, user, token }: MessagesProviderProps): MessagesClient {
  const own = useMemo(
    () =>
      client === undefined && url !== undefined
        ? new MessagesClient({ url, user, credentials: token })
        : null,
    // The token function may be another one at each render; the first one is used.
    // oxlint-disable-next-line react/exhaustive-deps
    [client, url, user],
  );
  useEffect(() => {
    own?.start();
    return () => own?.stop();
  }, [own]);
  const used = client ?? own;
  if (used === null) {
    throw new Error('MessagesProvider needs a client, or url, user and token');
  }
  return used;
}

/** Tells the client whether the page is visible and online. */
function useHostEvents(client: MessagesClient): void {
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const onVisibility = () => client.polling.setVisible(document.visibilityState === 'visible');
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility, { signal });
    window.addEventListener('focus', () => client.polling.refresh(), { signal });
    window.addEventListener('online', () => client.reconnect(), { signal });
    return () => listening.abort();
  }, [client]);
}
