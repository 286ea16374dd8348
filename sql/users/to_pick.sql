-- The users to pick from when signing in at the local stack: those who came first, which are the demo users, and how
-- many there are in all.
-- $1 int8: how many at most
SELECT uuid, handle, display_name, count(*) OVER () AS total
FROM public.users
WHERE cognito_user_id IS NOT NULL
  -- Of a deleted person; no pool has such a sub.
  AND cognito_user_id NOT LIKE 'deleted:%'
ORDER BY created_at, uuid
LIMIT $1
