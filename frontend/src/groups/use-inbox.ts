import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useOutletContext } from 'react-router';
import { newestRows } from '../api/pages.ts';
import { useAccountState } from '../auth/use-account.ts';
import { POLL } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { type Inbox, mergeGroups, reachesKnown } from './inbox.ts';

const KEY = ['groups'];

/** Polls the signed-in user's inbox. Only one component uses this; others use `useInboxBeside`. */
export function useInbox() {
  const { account, api } = useSignedIn();
  const { lapsed } = useAccountState(account);
  const client = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: KEY,
    queryFn: refresh,
    enabled: !lapsed,
    ...POLL,
  });

  async function refresh(): Promise<Inbox> {
    const before = client.getQueryData<Inbox>(KEY)?.groups ?? [];
    const fresh = await newestRows(
      (cursor) => api.listGroups(cursor),
      (page) => reachesKnown(page, before),
    );
    // An older page may have been loaded meanwhile.
    const known = client.getQueryData<Inbox>(KEY);
    return {
      groups: mergeGroups(known?.groups ?? [], fresh.rows),
      next: known !== undefined && fresh.joined ? known.next : fresh.next,
    };
  }

  const more = useMutation({
    mutationFn: (cursor: string) => api.listGroups(cursor),
    onSuccess: (page, cursor) =>
      client.setQueryData<Inbox>(KEY, (known) => ({
        groups: mergeGroups(known?.groups ?? [], page.rows),
        // After a gap, the list continues at another cursor.
        next: known === undefined || known.next === cursor ? page.next : known.next,
      })),
  });

  return { inbox: data, error, refetch, more };
}

export type InboxView = ReturnType<typeof useInbox>;

/** Loads further pages of the inbox while `wanted`: the group that is looked for may be on them. */
export function useSearchOfInbox({ inbox, more }: InboxView, wanted: boolean): void {
  const next = wanted ? (inbox?.next ?? null) : null;
  const { mutate, isPending, isError } = more;
  useEffect(() => {
    if (next !== null && !isPending && !isError) {
      mutate(next);
    }
  }, [next, mutate, isPending, isError]);
}

/** The inbox, for components beside the list. */
export function useInboxBeside(): InboxView {
  return useOutletContext<InboxView>();
}
