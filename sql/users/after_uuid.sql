-- The next users in the order of their uuids: for going through all of them, a page at a time.
-- $1 uuid: the last uuid of the page before; the nil uuid for the first page
-- $2 int8: how many
SELECT uuid, handle, display_name
FROM public.users
WHERE uuid > $1
ORDER BY uuid
LIMIT $2
