-- Erases the account of a token's user, or of the user with a handle: names and address go at once, the sub with the
-- last pass. Repeated for a token, it changes nothing.
-- $1 text: the token's sub, or null. A suspended user counts as unknown.
-- $2 text: the handle in lower case, or null
-- $3 int8: the time of the token's sign-in, in seconds since 1970, or null. A sign-in that has ended counts as unknown.
UPDATE public.users
SET erased_at = coalesce(erased_at, now()),
    erasure_due_at = CASE WHEN erased_at IS NULL THEN now() ELSE erasure_due_at END,
    -- Random, so that nobody can take the handle beforehand. If another user has it, the request is repeated.
    handle = CASE WHEN erased_at IS NULL THEN 'deleted-' || left(gen_random_uuid()::text, 8) ELSE handle END,
    display_name = 'Deleted user',
    email = NULL,
    messages_from = 'nobody'
WHERE (cognito_user_id = $1 AND suspended_at IS NULL AND (signed_out_at IS NULL OR signed_out_at <= to_timestamp($3)))
   OR (lower(handle) = $2 AND erased_at IS NULL)
RETURNING uuid
