-- A page of users with their Cognito users and email addresses, ordered by uuid.
-- $1 uuid: the last uuid of the previous page; null for the first page
-- $2 int8: the maximum number of rows
SELECT uuid, handle, cognito_user_id, email
FROM public.users
WHERE ($1 IS NULL OR uuid > $1)
  AND erased_at IS NULL
ORDER BY uuid
LIMIT $2
