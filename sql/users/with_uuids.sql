-- The existing users among these uuids.
-- $1 uuid[]: the uuids
SELECT uuid, handle, display_name
FROM public.users
WHERE uuid = ANY($1)
