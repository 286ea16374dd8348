-- Makes the erasure of a user due again.
-- $1 uuid: the user
UPDATE public.users
SET erasure_due_at = now()
WHERE uuid = $1 AND erased_at IS NOT NULL
RETURNING uuid
