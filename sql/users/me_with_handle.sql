-- The user with a handle, with the settings.
-- $1 text: the handle in lower case
SELECT uuid, handle, display_name, read_receipts, messages_from
FROM public.users
WHERE lower(handle) = $1 AND erased_at IS NULL
