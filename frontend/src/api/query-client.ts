import { QueryClient } from '@tanstack/react-query';
import { countFailuresInARow } from '../polling/poll.ts';

/** The cache of the signed-in user's queries. */
export function newQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        // A browser may wrongly report that it is offline, for example if the server is on the same machine.
        networkMode: 'always',
        refetchOnReconnect: 'always',
        refetchOnWindowFocus: 'always',
        refetchIntervalInBackground: true,
        gcTime: 30 * 60_000,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
  countFailuresInARow(client.getQueryCache());
  return client;
}
