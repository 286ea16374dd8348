-- Who may open a conversation with a user: everyone, everyone with one message until the user accepts, or nobody.
ALTER TABLE public.users ADD COLUMN messages_from text NOT NULL DEFAULT 'everyone'
    CONSTRAINT users_messages_from_known CHECK (messages_from IN ('everyone', 'requests', 'nobody'));
