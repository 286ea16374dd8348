import { QueryClient } from '@tanstack/react-query';

/** Answers that are kept for as long as one person is signed in. Retrying is the polls' own business. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: false,
        // A browser that believes itself offline may be wrong, above all about this machine.
        networkMode: 'always',
        refetchOnReconnect: 'always',
        refetchOnWindowFocus: 'always',
        refetchIntervalInBackground: true,
        gcTime: 30 * 60_000,
      },
      mutations: { retry: false, networkMode: 'always' },
    },
  });
}
