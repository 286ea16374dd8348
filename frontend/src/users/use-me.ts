import { useQuery } from '@tanstack/react-query';
import type { User } from '../api/types.ts';
import { useAccountState } from '../auth/use-account.ts';
import { POLL, pollInterval } from '../polling/poll.ts';
import { useSignedIn } from '../signed-in.tsx';
import { storedMe, storeMe } from './stored-me.ts';

/**
 * The signed-in user as the API returns it. Own messages have its uuid; other users see its handle and name. Null until the
 * first response; later visits start with the stored user, so the page works offline.
 */
export function useMe() {
  const { me: person, account, api } = useSignedIn();
  const { lapsed } = useAccountState(account);
  const { data, error, refetch } = useQuery({
    queryKey: ['me'],
    queryFn: async (): Promise<User> => {
      const me = await api.showMe();
      // Nothing may be stored after a sign-out.
      if (account.state().person?.id === person.id) {
        storeMe(person.id, me);
      }
      return me;
    },
    initialData: () => storedMe(person.id) ?? undefined,
    initialDataUpdatedAt: 0,
    enabled: !lapsed,
    staleTime: 60_000,
    refetchOnWindowFocus: true,
    ...POLL,
    refetchInterval: (query) => query.state.status === 'error' && pollInterval(query),
  });
  return { me: data ?? null, error, refetch };
}
