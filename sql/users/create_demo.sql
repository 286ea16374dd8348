-- Creates one user, for tests and benchmarks. Returns no row if the uuid, the handle or the Cognito user
-- exists.
-- $1 uuid: the uuid
-- $2 text: the handle
-- $3 text: the display name
-- $4 text: the email address
-- $5 text: the Cognito user's sub
INSERT INTO public.users (uuid, handle, display_name, email, cognito_user_id)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING uuid
