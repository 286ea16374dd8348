-- Ends a pass of an erasure.
-- $1 uuid: the user
-- $2 bool: it was the last pass
-- $3 int4: the seconds after the beginning of an erasure at which the last pass is due
-- $4 bool: the Cognito user is deleted, so the sub goes as well
UPDATE public.users
SET erasure_due_at = CASE WHEN NOT $2 THEN erased_at + $3 * interval '1 second' END,
    cognito_user_id = CASE WHEN NOT $4 THEN cognito_user_id END
WHERE uuid = $1 AND erased_at IS NOT NULL
RETURNING uuid
