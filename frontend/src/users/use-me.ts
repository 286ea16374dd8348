import { useQuery } from '@tanstack/react-query';
import type { User } from '../api/types.ts';
import { useAccountState } from '../auth/use-account.ts';
import { useSignedIn } from '../signed-in.tsx';
import { keptMe, keepMe } from './kept-me.ts';

/**
 * Who is signed in, as the API says: the uuid that one's own messages carry, and the handle and name that others see. Null
 * until it is known; a device that has known it knows it without a network as well.
 */
export function useMe() {
  const { me: person, account, api, pulse } = useSignedIn();
  const { lapsed } = useAccountState(account);
  const { data, error, refetch } = useQuery({
    queryKey: ['me'],
    queryFn: async (): Promise<User> => {
      const me = await pulse.watch('me', () => api.showMe());
      // Nothing of a person stays who has signed out meanwhile.
      if (account.state().person?.id === person.id) {
        keepMe(person.id, me);
      }
      return me;
    },
    initialData: () => keptMe(person.id) ?? undefined,
    initialDataUpdatedAt: 0,
    enabled: !lapsed,
    staleTime: 60_000,
    refetchOnWindowFocus: true,
    refetchInterval: ({ state }) =>
      state.status === 'error' ? pulse.delay('me', document.visibilityState === 'visible') : false,
  });
  return { me: data ?? null, error, refetch };
}
