-- Sender and receiver of a message, in one round trip. A user who writes to themselves is both.
-- $1 text: the token's sub. A suspended or erased user counts as unknown.
-- $2 uuid: the receiver's uuid
SELECT 'sender' AS kind, uuid, handle, display_name, messages_from,
    extract(epoch FROM signed_out_at)::int8 AS signed_out_at
FROM public.users
WHERE cognito_user_id = $1 AND suspended_at IS NULL AND erased_at IS NULL
UNION ALL
SELECT 'receiver' AS kind, uuid, handle, display_name, messages_from, NULL
FROM public.users
WHERE uuid = $2 AND erased_at IS NULL
