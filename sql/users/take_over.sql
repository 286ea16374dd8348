-- Assigns a Cognito user to a seeded or imported row with their verified email address. Never overwrites a
-- cognito_user_id, and gives a Cognito user at most one row. Addresses are compared in collation
-- "C", where only ASCII letters have case. An address with any other character never matches: other
-- collations fold "\u0130" to "i" and "\u212a" to "k", in the domain too.
-- $1 text: the Cognito user's sub
-- $2 text: the verified email address
-- $3 text: the requested handle, or null; it decides between several rows with that address
UPDATE public.users
SET cognito_user_id = $1
WHERE uuid = (
    SELECT uuid
    FROM public.users
    WHERE cognito_user_id IS NULL
      AND lower(email COLLATE "C") = lower($2 COLLATE "C")
      AND $2 COLLATE "C" ~ '^[ -~]+$'
      AND NOT EXISTS (SELECT 1 FROM public.users WHERE cognito_user_id = $1)
    ORDER BY lower(handle) = lower($3) DESC, created_at, uuid
    LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING uuid
