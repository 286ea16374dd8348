-- Creates a user. Returns no row if the Cognito user already has one or the handle is taken.
-- $1 text: the Cognito user's sub
-- $2 text: the handle
-- $3 text: the display name
-- $4 text: the email address, or null
INSERT INTO public.users (cognito_user_id, handle, display_name, email)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING uuid
