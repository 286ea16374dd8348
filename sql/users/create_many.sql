-- Creates many users. Skips users with an existing uuid, handle or Cognito user. Returns the number of created
-- users (made), and the number of the uuids that existed before (were_there).
-- $1 uuid[]: the uuids
-- $2 text[]: the handles
-- $3 text[]: the display names
-- $4 text[]: the email addresses
-- $5 text[]: the Cognito users' subs
WITH made AS (
    INSERT INTO public.users (uuid, handle, display_name, email, cognito_user_id)
    SELECT * FROM unnest($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING
    RETURNING uuid
)
-- Both subqueries see the table as of before the insert.
SELECT (SELECT count(*) FROM made) AS made,
       (SELECT count(*) FROM public.users WHERE uuid = ANY($1)) AS were_there
