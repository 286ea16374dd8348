-- Changes name and settings of a token's user.
-- $1 text: the token's sub. A suspended or erased user counts as unknown.
-- $2 text: the display name; null leaves it
-- $3 bool: whether others learn what this user has read; null leaves it
-- $4 text: who may open a conversation with the user: everyone, requests or nobody; null leaves it
UPDATE public.users
SET display_name = coalesce($2, display_name), read_receipts = coalesce($3, read_receipts), messages_from = coalesce($4, messages_from)
WHERE cognito_user_id = $1 AND suspended_at IS NULL AND erased_at IS NULL
RETURNING uuid, handle, display_name, read_receipts, messages_from
