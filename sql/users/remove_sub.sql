-- Removes the sub of an erased user whose Cognito user is deleted.
-- $1 uuid: the user
UPDATE public.users
SET cognito_user_id = NULL
WHERE uuid = $1 AND erased_at IS NOT NULL
RETURNING uuid
