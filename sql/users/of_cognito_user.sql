-- The Cognito user with a handle (case-insensitive) or a sub, with the names in an id token. For the local
-- stack's tokens.
-- $1 text: the handle, or null
-- $2 text: the sub, or null
SELECT cognito_user_id, handle, display_name
FROM public.users
WHERE ((lower(handle) = lower($1) AND cognito_user_id IS NOT NULL) OR cognito_user_id = $2)
  AND erased_at IS NULL
  -- Marks a deleted person; no pool has such a sub.
  AND cognito_user_id NOT LIKE 'deleted:%'
