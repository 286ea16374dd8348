-- The user of a token, with the settings.
-- $1 text: the token's sub. A suspended or erased user counts as unknown.
SELECT uuid, handle, display_name, read_receipts, messages_from,
    extract(epoch FROM signed_out_at)::int8 AS signed_out_at
FROM public.users
WHERE cognito_user_id = $1 AND suspended_at IS NULL AND erased_at IS NULL
