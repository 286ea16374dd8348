-- All users, ordered by handle. Only the local stack uses this; a deployment has no route for it.
SELECT uuid, handle, display_name
FROM public.users
WHERE erased_at IS NULL
ORDER BY lower(handle)
