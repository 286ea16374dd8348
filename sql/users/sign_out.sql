-- Ends all sign-ins of a token's user, that of the token included. Tokens have the time of their sign-in in whole seconds.
-- $1 text: the token's sub. A suspended or erased user counts as unknown.
-- $2 int8: the time of the token's sign-in, in seconds since 1970. A sign-in that has ended counts as unknown.
UPDATE public.users
SET signed_out_at = greatest(date_trunc('second', now()), to_timestamp($2 + 1))
WHERE cognito_user_id = $1 AND suspended_at IS NULL AND erased_at IS NULL
    AND (signed_out_at IS NULL OR signed_out_at <= to_timestamp($2))
RETURNING uuid
