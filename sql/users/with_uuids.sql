-- The users with these uuids, as far as there are any.
-- $1 uuid[]: the uuids
SELECT uuid, handle, display_name
FROM public.users
WHERE uuid = ANY($1)
