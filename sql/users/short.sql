-- The user with a handle (case-insensitive).
-- $1 text: the handle
SELECT uuid, handle, display_name
FROM public.users
WHERE lower(handle) = lower($1) AND erased_at IS NULL
