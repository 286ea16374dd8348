-- Gives a row a Cognito user, unless it has changed since it was read; no row: it has.
-- $1 uuid: the row
-- $2 text: its handle as it was read
-- $3 text: its cognito_user_id as it was read, or null
-- $4 text: the Cognito user's sub
-- $5 text: its email address as it was read, or null
UPDATE public.users
SET cognito_user_id = $4
WHERE uuid = $1
  AND handle = $2
  AND email IS NOT DISTINCT FROM $5
  -- The second: a try whose answer was lost.
  AND (cognito_user_id IS NOT DISTINCT FROM $3 OR cognito_user_id = $4)
RETURNING uuid
