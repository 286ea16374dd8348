-- The users offered at the local stack's sign-in: the oldest, which are the demo users. total: number of all
-- users.
-- $1 int8: the maximum number of rows
SELECT uuid, handle, display_name, count(*) OVER () AS total
FROM public.users
WHERE cognito_user_id IS NOT NULL
  AND erased_at IS NULL
  -- Marks a deleted person; no pool has such a sub.
  AND cognito_user_id NOT LIKE 'deleted:%'
ORDER BY created_at, uuid
LIMIT $1
