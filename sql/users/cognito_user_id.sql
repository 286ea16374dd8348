-- The Cognito user of a handle (any case), for whom the local stack makes a token.
-- $1 text: the handle
SELECT cognito_user_id
FROM public.users
WHERE lower(handle) = lower($1)
  AND cognito_user_id IS NOT NULL
