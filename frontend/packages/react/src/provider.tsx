import { type ErrorReport, MessagesClient, type TokenFunction } from '@cruddur/client';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import type { Components } from './components.ts';
import { MessagesContext, type MessagesContextValue } from './context.ts';
import { ErrorReports } from './error-reports.tsx';
import { type Place, isSamePlace } from './place.ts';
import type { Catalog } from './texts/catalog.ts';
import { type BaseTextKey, en } from './texts/en.ts';
import { createTexts } from './texts/texts.ts';

/** A client or the options for one, the language, and the open conversation. */
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
  /** The address of a place, for its links; null is the inbox. Without it, links are buttons. */
  hrefOf?: (place: Place | null) => string;
} & ClientProps &
  PlaceProps;

/** Either a client, which its owner starts and stops, or the options for one. */
type ClientProps =
  | { client: MessagesClient; url?: never; websocketUrl?: never; user?: never; token?: never; keepsLists?: never; onError?: never }
  | {
      client?: never;
      /** The API's URL without a trailing slash and without `/api`. */
      url: string;
      /** The address of the socket for events. Without one, events are polled. */
      websocketUrl?: string;
      /** Identifies the signed-in person on this device, for example the token's `sub`. */
      user: string;
      /** Whether lists are stored for later starts, with texts of others. By default false. */
      keepsLists?: boolean;
      /** Called with bugs in the components and in the client's background work, at most ten times. */
      onError?: (report: ErrorReport) => void;
      /** Returns the access token. It can be another function at each render. */
      token: TokenFunction;
    };

/** Either the open conversation and who changes it, or nothing: then the provider keeps it. */
type PlaceProps =
  | { place: Place | null; onPlace: (place: Place | null, replace: boolean) => void }
  | { place?: never; onPlace?: (place: Place | null, replace: boolean) => void };

const NO_COMPONENTS: Components = {};

/**
 * Provides a signed-in person's messages to the components in it.
 *
 * Another client, or another `url` or `user`, is another person: the components start anew.
 */
export function MessagesProvider(props: MessagesProviderProps) {
  const { client, url, user } = props;
  const [of, setOf] = useState({ client, url, user, round: 0 });
  if (of.client !== client || of.url !== url || of.user !== user) {
    setOf({ client, url, user, round: of.round + 1 });
  }
  return <Provider key={of.round} {...props} />;
}

function Provider(props: MessagesProviderProps) {
  const { children, locale, catalog, components = NO_COMPONENTS, initialPlace = null, hrefOf } = props;
  const client = useOwnClient(props);
  const [ownPlace, setOwnPlace] = useState<Place | null>(initialPlace);
  const place = props.place === undefined ? ownPlace : props.place;
  const { onPlace } = props;
  const [reopenings, setReopenings] = useState(0);

  useHostEvents(client);
  const texts = useMemo(
    () => createTexts<BaseTextKey>({ ...en, ...catalog }, locale ?? navigator.languages.find((language) => /^en\b/.test(language)) ?? 'en'),
    [catalog, locale],
  );
  const value = useMemo<MessagesContextValue>(
    () => ({
      client,
      texts,
      catalog,
      components,
      place,
      onPlace: (next, replace) => {
        setOwnPlace(next);
        if (isSamePlace(next, place)) {
          setReopenings((count) => count + 1);
        }
        onPlace?.(next, replace);
      },
      reopenings,
      hrefOf,
    }),
    [client, texts, catalog, components, place, reopenings, onPlace, hrefOf],
  );
  return (
    <MessagesContext value={value}>
      <ErrorReports client={client}>{children}</ErrorReports>
    </MessagesContext>
  );
}

/** The client of the props, or one of its own for their options. */
function useOwnClient(props: MessagesProviderProps): MessagesClient {
  const { client, token } = props;
  const [own] = useState(() => (props.client === undefined ? new OwnClient(props) : null));
  useEffect(() => {
    if (token !== undefined) {
      own?.setToken(token);
    }
  }, [own, token]);
  useEffect(() => {
    own?.client.start();
    return () => own?.client.stop();
  }, [own]);
  const used = client ?? own?.client;
  if (used === undefined) {
    throw new Error('MessagesProvider needs a client, or url, user and token');
  }
  return used;
}

/** A client that asks the token function of the last render. */
class OwnClient {
  readonly client: MessagesClient;
  #token: TokenFunction;

  constructor({ url, websocketUrl, user, token, keepsLists = false, onError }: Extract<ClientProps, { url: string }>) {
    this.#token = token;
    const credentials: TokenFunction = (rejected) => this.#token(rejected);
    this.client = new MessagesClient({ url, websocketUrl: websocketUrl ?? null, user, credentials, keepsLists, onError });
  }

  setToken(token: TokenFunction): void {
    this.#token = token;
  }
}

/** Tells the client whether the page is visible and online. */
function useHostEvents(client: MessagesClient): void {
  useEffect(() => {
    const listening = new AbortController();
    const { signal } = listening;
    const onVisibility = () => client.connectivity.setVisible(document.visibilityState === 'visible');
    onVisibility();
    document.addEventListener('visibilitychange', onVisibility, { signal });
    window.addEventListener('online', () => client.reconnect(), { signal });
    return () => listening.abort();
  }, [client]);
}
