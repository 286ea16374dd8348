import { ApiError } from '@cruddur/client';
import { MessagesProvider, type Place, useInbox } from '@cruddur/react';
import { lazy, Suspense, useEffect, useMemo, useState } from 'react';
import { useHistoryState } from 'wouter/use-browser-location';
import { local } from '../auth/storage.ts';
import { depthOf, historyStateOf, pathOf, placeOf } from '../place.ts';
import { currentPath, hrefOf, navigate } from '../route.tsx';
import { useSignedIn } from '../signed-in.tsx';
import { useLanguage, usePageTexts } from '../texts/texts.tsx';
import { Banner } from './banner.tsx';
import { ErrorBoundary } from './error-boundary.tsx';
import { Hint } from './hint.tsx';
import { usePageTitle } from './page-title.ts';
import { Sidebar } from './sidebar.tsx';

const loadConversation = () => import('./conversation.tsx');
const Conversation = lazy(async () => ({ default: (await loadConversation()).Conversation }));

const NotProvisioned = lazy(async () => ({ default: (await import('./pages.ts')).NotProvisioned }));

/** Milliseconds from the list of conversations until the code of a conversation is loaded. */
const PRELOAD_DELAY = 500;

/** Opens a place. The list is the one in the history, so that the browser's Back does not return to the conversation. */
function onPlace(next: Place | null, replace: boolean): void {
  const depth = depthOf(currentPath(), window.history.state);
  const path = pathOf(next);
  if (next === null && depth) {
    window.history.go(-depth);
    return;
  }
  const replaces = replace || next === null || path === currentPath();
  const state = historyStateOf(next, depth === undefined || replaces ? depth : depth + 1);
  navigate(path, { replace: replaces, state });
}

const hrefOfPlace = (place: Place | null) => hrefOf(pathOf(place));

/** The messages of the signed-in user. `path` is the part of the address after `/messages/`. */
export function MessagesScreen({ path }: { path: string }) {
  const { client } = useSignedIn();
  const { texts, messages } = useLanguage();
  const state: unknown = useHistoryState();
  const place = useMemo(() => placeOf(path, state), [path, state]);
  return (
    <MessagesProvider
      client={client}
      locale={texts.locale}
      {...(messages && { catalog: messages })}
      place={place}
      onPlace={onPlace}
      hrefOf={hrefOfPlace}
    >
      <Screen place={place} />
    </MessagesProvider>
  );
}

/** The inbox beside a conversation; on a phone, one of the two. */
function Screen({ place }: { place: Place | null }) {
  const { account, me } = useSignedIn();
  const { text } = usePageTexts();
  const { value, error, refresh } = useInbox();
  const [title, setTitle] = useState<string | null>(null);
  const [unread, setUnread] = useState('');
  const [later, setLater] = useState<Awaited<ReturnType<typeof loadConversation>> | null>(null);
  usePageTitle(place === null ? null : title, unread);
  const [notifies, setNotifies] = useStored(`cruddur.notifications.${me.id}`);
  const [isListKeyOff, setListKeyOff] = useStored('cruddur.list-key-off');

  // Loaded before the first conversation is opened, but after the list is shown.
  const isShown = value !== undefined;
  useEffect(() => {
    if (isShown) {
      const timer = setTimeout(() => void loadConversation().then(setLater, () => undefined), PRELOAD_DELAY);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [isShown]);

  if (error instanceof ApiError && error.has('user_not_provisioned')) {
    return (
      <Suspense>
        <NotProvisioned onRetry={() => void refresh()} />
      </Suspense>
    );
  }
  return (
    <div className="cruddur-screen">
      {place !== null && (
        <a className="cruddur-skip-link" href="#conversation">
          {text('screen.skip')}
        </a>
      )}
      <header className="cruddur-visually-hidden">
        <h1>{text('app')}</h1>
      </header>
      <Banner />
      {later !== null && <later.UnreadCount onCount={setUnread} />}
      {later !== null && notifies && <later.Notifications />}
      {later !== null && <later.Shortcuts hasListKey={!isListKeyOff} />}
      {/* On a phone, one of the two panes is hidden: the landmark is around both. */}
      <main className="cruddur-panes" data-showing={place === null ? 'list' : 'conversation'}>
        <Sidebar
          notifies={notifies}
          onNotifies={setNotifies}
          hasListKey={!isListKeyOff}
          onListKey={(hasListKey) => setListKeyOff(!hasListKey)}
          requests={later && <later.InboxRequests />}
        />
        <div id="conversation" className="cruddur-conversation-pane" tabIndex={-1}>
          <ErrorBoundary account={account} extent="part" place={pathOf(place)}>
            {place === null ? (
              <Hint />
            ) : (
              <Suspense>
                <Conversation onTitle={setTitle} />
              </Suspense>
            )}
          </ErrorBoundary>
        </div>
      </main>
    </div>
  );
}

/** A choice in this browser, which is off until it is stored. */
function useStored(key: string): [isOn: boolean, change: (isOn: boolean) => void] {
  const [isOn, setOn] = useState(() => local.get(key) !== null);

  function change(next: boolean) {
    setOn(next);
    if (next) {
      local.set(key, 'on');
    } else {
      local.remove(key);
    }
  }

  return [isOn, change];
}
