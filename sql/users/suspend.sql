-- Suspends a user, or ends the suspension. A suspension that stands keeps its time.
-- $1 text: the handle in lower case
-- $2 bool: suspend
UPDATE public.users
SET suspended_at = CASE WHEN $2 THEN coalesce(suspended_at, now()) END
WHERE lower(handle) = $1 AND erased_at IS NULL
RETURNING uuid
