-- Sets the Cognito user of a row. Returns no row if the row has changed since it was read.
-- $1 uuid: the row
-- $2 text: its handle, as read
-- $3 text: its cognito_user_id, as read, or null
-- $4 text: the Cognito user's sub
-- $5 text: its email address, as read, or null
UPDATE public.users
SET cognito_user_id = $4
WHERE uuid = $1
  AND handle = $2
  AND email IS NOT DISTINCT FROM $5
  -- Equal to $4 on a retry after a lost response.
  AND (cognito_user_id IS NOT DISTINCT FROM $3 OR cognito_user_id = $4)
RETURNING uuid
