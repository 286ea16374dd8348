-- The user of a token, with the settings.
-- $1 text: the token's sub
SELECT uuid, handle, display_name, read_receipts
FROM public.users
WHERE cognito_user_id = $1
