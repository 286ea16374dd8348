import { type MessageGroup, type MessagesClient, isMuted, shownName } from '@cruddur/client';

/** A lock that each tab with the focus holds: a message that is about to be seen in one tab is no news in the others. */
const FOCUS = 'cruddur.focus';

/** Milliseconds after which a notification without a service worker closes itself. */
const SHOWN_FOR = 20_000;

/**
 * Shows a notification for a message of another user while no tab of this page has the focus, unless its conversation is muted.
 * Those of a conversation replace each other, also between tabs. `onOpen` gets the group of one that was chosen. Returns a
 * function that ends this.
 */
export function startNotifications(client: MessagesClient, onOpen: (group: string) => void): () => void {
  const listening = new AbortController();
  const { signal } = listening;
  const rows = () => {
    const { value, isStored } = client.inbox.state();
    // The first page is not news, and neither is what has come since an earlier page has stored it.
    return isStored ? undefined : value?.rows;
  };
  let known = newestOf(rows());

  const onChange = () => {
    const groups = rows();
    const before = known;
    const fresh = before === null ? [] : (groups ?? []).filter(({ created_at }) => created_at > before);
    known = newestOf(groups) ?? known;
    for (const group of fresh) {
      if (group.from_me === false && group.deleted_at === undefined && !isMuted(group.muted_until, Date.now())) {
        void show(group, onOpen);
      }
    }
  };

  let release: (() => void) | null = null;
  const onFocus = () => {
    release?.();
    void closeAll();
    void navigator.locks?.request(FOCUS, { mode: 'shared' }, () => new Promise<void>((resolve) => (release = resolve)));
  };
  window.addEventListener('focus', onFocus, { signal });
  window.addEventListener('blur', () => release?.(), { signal });
  if (document.hasFocus()) {
    onFocus();
  }
  workers()?.addEventListener('message', ({ data }) => typeof data === 'string' && onOpen(data), { signal });
  const unsubscribe = client.inbox.subscribe(onChange);
  return () => {
    unsubscribe();
    void closeAll();
    listening.abort();
    release?.();
  };
}

function newestOf(groups: readonly MessageGroup[] | undefined): string | null {
  return groups?.[0]?.created_at ?? null;
}

async function show({ uuid: tag, message: body, display_name: name, handle }: MessageGroup, onOpen: (group: string) => void): Promise<void> {
  if (await isFocusedSomewhere()) {
    return;
  }
  const title = shownName(name, handle);
  const options = { body, tag, silent: true, dir: 'auto' } as const;
  try {
    const registration = await workers()?.getRegistration();
    if (registration?.active) {
      // The worker handles the click, also after this page was closed.
      await registration.showNotification(title, { ...options, icon: `${import.meta.env.BASE_URL}icon-192.png` });
      return;
    }
    const notification = new Notification(title, options);
    const timer = setTimeout(() => notification.close(), SHOWN_FOR);
    notification.addEventListener('click', () => {
      clearTimeout(timer);
      notification.close();
      window.focus();
      onOpen(tag);
    });
  } catch {
    // Browsers on phones show notifications of service workers only.
  }
}

/** Closes the notifications of the service worker: they have been seen, or the person signs out. */
async function closeAll(): Promise<void> {
  try {
    const registration = await workers()?.getRegistration();
    for (const notification of (await registration?.getNotifications()) ?? []) {
      notification.close();
    }
  } catch {
    // The browser denies site data, so there are none.
  }
}

/** Undefined outside of https and localhost. */
function workers(): ServiceWorkerContainer | undefined {
  return (navigator as Partial<Navigator>).serviceWorker;
}

async function isFocusedSomewhere(): Promise<boolean> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return document.hasFocus() || held.some(({ name }) => name === FOCUS);
}
