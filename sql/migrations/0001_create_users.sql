-- The users: who a token speaks for, and the names that messages carry.
CREATE TABLE public.users (
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    display_name text NOT NULL,
    -- ASCII, so that lower() means the same in a database of any locale.
    handle text COLLATE "C" NOT NULL,
    email text,
    -- The sub of the Cognito user; null until the first sign-in of a user who was seeded or imported.
    cognito_user_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_pkey PRIMARY KEY (uuid),
    CONSTRAINT users_cognito_user_id_key UNIQUE (cognito_user_id),
    CONSTRAINT users_display_name_check CHECK (char_length(display_name) BETWEEN 1 AND 64),
    CONSTRAINT users_handle_check CHECK (handle ~ '^[A-Za-z0-9_.-]{1,30}$')
);

-- One user per handle, compared without case; look-ups say lower(handle) = lower($1).
CREATE UNIQUE INDEX users_handle_key ON public.users (lower(handle));
