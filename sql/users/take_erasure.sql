-- Takes the erasure that has been due for longest. It is due again after some time, unless its pass ends before.
-- $1 int4: that time in seconds
-- $2 int4: the seconds after the beginning of an erasure from which its pass is the last one
UPDATE public.users
SET erasure_due_at = now() + $1 * interval '1 second'
WHERE uuid = (
    SELECT uuid
    FROM public.users
    WHERE erasure_due_at <= now()
    ORDER BY erasure_due_at
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING uuid, handle, display_name, cognito_user_id, now() >= erased_at + $2 * interval '1 second' AS is_last_pass
