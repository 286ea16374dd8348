import { useQuery } from '@tanstack/react-query';
import { useSignedIn } from '../signed-in.tsx';
import { foldHandle, isHandle } from './handle.ts';

/** The user with a handle: undefined while loading, null if there is none. */
export function useUser(handle: string, enabled = true) {
  const { api } = useSignedIn();
  const isValid = isHandle(handle);
  const { data, error, refetch } = useQuery({
    queryKey: ['user', foldHandle(handle)],
    queryFn: () => api.findUser(handle),
    enabled: isValid && enabled,
    staleTime: 60_000,
    refetchOnWindowFocus: false,
    retry: 2,
  });
  return { user: isValid ? data : null, error, refetch };
}
