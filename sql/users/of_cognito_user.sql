-- The Cognito user of a handle (any case) or of a sub, with the names that an id token carries: for the tokens of the
-- local stack.
-- $1 text: the handle, or null
-- $2 text: the sub, or null
SELECT cognito_user_id, handle, display_name
FROM public.users
WHERE ((lower(handle) = lower($1) AND cognito_user_id IS NOT NULL) OR cognito_user_id = $2)
  -- Of a deleted person; no pool has such a sub.
  AND cognito_user_id NOT LIKE 'deleted:%'
