-- The user a token speaks for, with the names that a message of theirs carries.
-- $1 text: the token's sub
SELECT uuid, handle, display_name
FROM public.users
WHERE cognito_user_id = $1
