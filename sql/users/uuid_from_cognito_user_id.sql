-- The uuid of the user a token speaks for.
-- $1 text: the token's sub
SELECT uuid
FROM public.users
WHERE cognito_user_id = $1
