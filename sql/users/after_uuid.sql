-- A page of users ordered by uuid.
-- $1 uuid: the last uuid of the previous page; the nil uuid for the first page
-- $2 int8: the maximum number of rows
SELECT uuid, handle, display_name
FROM public.users
WHERE uuid > $1
ORDER BY uuid
LIMIT $2
