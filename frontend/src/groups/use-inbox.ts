import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useOutletContext } from 'react-router';
import { newestRows } from '../api/pages.ts';
import { useAccountState } from '../auth/use-account.ts';
import { POLL } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { type Inbox, mergeGroups, reachesKnown } from './inbox.ts';

const KEY = ['groups'];

/** The conversations of who is signed in, kept up to date. One component polls; the others are given what it has. */
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
    // An older page may have come in the meantime.
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
        // After a gap the list goes on elsewhere.
        next: known === undefined || known.next === cursor ? page.next : known.next,
      })),
  });

  return { inbox: data, error, refetch, more };
}

export type InboxView = ReturnType<typeof useInbox>;

/** Loads the list further down for as long as what is wanted is not in it. */
export function useSearchOfInbox({ inbox, more }: InboxView, wanted: boolean): void {
  const next = wanted ? (inbox?.next ?? null) : null;
  const { mutate, isPending, isError } = more;
  useEffect(() => {
    if (next !== null && !isPending && !isError) {
      mutate(next);
    }
  }, [next, mutate, isPending, isError]);
}

/** The conversations, for what is shown beside the list. */
export function useInboxBeside(): InboxView {
  return useOutletContext<InboxView>();
}
