-- Gives a user who was there before their first sign-in (seeded, or imported) the Cognito user who has proved
-- to own the row's email address. A cognito_user_id is never overwritten, and a Cognito user gets one row.
-- Addresses are compared as in "C": only ASCII letters have two cases, and an address with other characters is
-- never equal. In other collations "\u0130" and "\u212a" are an "i" and a "k", in the domain as well.
-- $1 text: the Cognito user's sub
-- $2 text: the verified email address
-- $3 text: the handle they want, or null: it decides between several rows with that address
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
