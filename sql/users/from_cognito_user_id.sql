-- The user of a token, with the names for messages.
-- $1 text: the token's sub
SELECT uuid, handle, display_name
FROM public.users
WHERE cognito_user_id = $1
