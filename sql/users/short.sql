-- The user with a handle (any case).
-- $1 text: the handle
SELECT uuid, handle, display_name
FROM public.users
WHERE lower(handle) = lower($1)
