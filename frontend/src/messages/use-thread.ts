import { skipToken, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { newestRows } from '../api/pages.ts';
import { useAccountState } from '../auth/use-account.ts';
import { POLL } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { type Thread, mergeMessages, reachesKnown } from './thread.ts';

/** Polls the messages of a group. Loads none if `group` is null. */
export function useThread(group: string | null) {
  const { account, api } = useSignedIn();
  const { lapsed } = useAccountState(account);
  const client = useQueryClient();
  const key = ['messages', group];
  const { data, error, refetch } = useQuery({
    queryKey: key,
    queryFn: group === null ? skipToken : () => refresh(group),
    enabled: !lapsed,
    ...POLL,
  });

  async function refresh(of: string): Promise<Thread> {
    const before = client.getQueryData<Thread>(key)?.messages ?? [];
    const fresh = await newestRows(
      (cursor) => api.listMessages(of, cursor),
      (page) => reachesKnown(page, before),
    );
    // An older page may have been loaded meanwhile.
    const known = client.getQueryData<Thread>(key);
    if (known === undefined || !fresh.joined) {
      // After a gap, scrolling up loads the older messages again.
      return { messages: mergeMessages([], fresh.rows), older: fresh.next };
    }
    return { messages: mergeMessages(known.messages, fresh.rows), older: known.older };
  }

  const older = useMutation({
    mutationFn: (cursor: string) => api.listMessages(group ?? '', cursor),
    onSuccess: (page, cursor) =>
      client.setQueryData<Thread>(key, (known) =>
        // After a gap, the page does not join the thread: it was requested with an earlier cursor.
        known?.older === cursor
          ? { messages: mergeMessages(known.messages, page.rows), older: page.next }
          : known,
      ),
  });

  return { thread: data, error, refetch, older };
}
