-- Changes name and settings of a token's user.
-- $1 text: the token's sub. A suspended or erased user counts as unknown.
-- $2 text: the display name; null leaves it
-- $3 bool: whether others learn what this user has read; null leaves it
-- $4 text: who may open a conversation with the user: everyone, requests or nobody; null leaves it
-- $5 int8: the time of the token's sign-in, in seconds since 1970. A sign-in that has ended counts as unknown.
UPDATE public.users
SET display_name = coalesce($2, display_name), read_receipts = coalesce($3, read_receipts), messages_from = coalesce($4, messages_from)
WHERE cognito_user_id = $1 AND suspended_at IS NULL AND erased_at IS NULL
    AND (signed_out_at IS NULL OR signed_out_at <= to_timestamp($5))
RETURNING uuid, handle, display_name, read_receipts, messages_from,
    extract(epoch FROM signed_out_at)::int8 AS signed_out_at
