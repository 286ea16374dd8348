-- The uuid of a token's user.
-- $1 text: the token's sub
SELECT uuid
FROM public.users
WHERE cognito_user_id = $1
