-- The user of a token, with the names that a message carries.
-- $1 text: the token's sub
SELECT uuid, handle, display_name
FROM public.users
WHERE cognito_user_id = $1
