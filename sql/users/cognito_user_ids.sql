-- A page of all users with their Cognito users and addresses, by uuid.
-- $1 uuid: the last one of the page before, or null
-- $2 int8: rows at most
SELECT uuid, handle, cognito_user_id, email
FROM public.users
WHERE $1 IS NULL
   OR uuid > $1
ORDER BY uuid
LIMIT $2
