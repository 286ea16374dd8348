import { type MessageGroup, type MessagesClient, isMuted, shownName } from '@cruddur/client';

/** A lock that each tab with the focus holds: a message that is about to be seen in one tab is no news in the others. */
const FOCUS = 'cruddur.focus';

/** Milliseconds after which a notification closes itself. */
const SHOWN_FOR = 20_000;

/**
 * Shows a notification for a message of another user while no tab of this page has the focus, unless its conversation is muted.
 * Those of a conversation replace each other, also between tabs. Returns a function that ends this.
 */
export function startNotifications(client: MessagesClient, onOpen: (group: MessageGroup) => void): () => void {
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
    // The first page is not news.
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
    void navigator.locks?.request(FOCUS, { mode: 'shared' }, () => new Promise<void>((resolve) => (release = resolve)));
  };
  window.addEventListener('focus', onFocus, { signal });
  window.addEventListener('blur', () => release?.(), { signal });
  if (document.hasFocus()) {
    onFocus();
  }
  const unsubscribe = client.inbox.subscribe(onChange);
  return () => {
    unsubscribe();
    listening.abort();
    release?.();
  };
}

function newestOf(groups: readonly MessageGroup[] | undefined): string | null {
  return groups?.[0]?.created_at ?? null;
}

async function show(group: MessageGroup, onOpen: (group: MessageGroup) => void): Promise<void> {
  if (await isFocusedSomewhere()) {
    return;
  }
  try {
    const { uuid: tag, message: body } = group;
    const notification = new Notification(shownName(group.display_name, group.handle), { body, tag, silent: true, dir: 'auto' });
    const timer = setTimeout(() => notification.close(), SHOWN_FOR);
    notification.addEventListener('click', () => {
      clearTimeout(timer);
      notification.close();
      window.focus();
      onOpen(group);
    });
  } catch {
    // Browsers on phones show notifications of service workers only.
  }
}

async function isFocusedSomewhere(): Promise<boolean> {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return document.hasFocus() || held.some(({ name }) => name === FOCUS);
}
