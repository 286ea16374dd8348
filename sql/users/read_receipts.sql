-- Whether two users tell each other what they have read. A missing user does.
-- $1 uuid: a user
-- $2 uuid: the other
SELECT coalesce(bool_and(read_receipts), true) AS read_receipts
FROM public.users
WHERE uuid IN ($1, $2)
