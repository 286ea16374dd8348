-- Messages that users reported to the operator, with those around them, as they were then.
CREATE TABLE public.reports (
    uuid uuid NOT NULL DEFAULT gen_random_uuid(),
    reporter_uuid uuid NOT NULL,
    message_group_uuid uuid NOT NULL,
    message_uuid uuid NOT NULL,
    -- The sender of the reported message.
    sender_uuid uuid NOT NULL,
    reason text NOT NULL,
    -- Messages as the API shows them, oldest first.
    messages jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    CONSTRAINT reports_pkey PRIMARY KEY (uuid),
    -- A user reports a message once. The limit of a user's reports reads the same index.
    CONSTRAINT reports_reporter_uuid_message_uuid_key UNIQUE (reporter_uuid, message_uuid),
    CONSTRAINT reports_reason_check CHECK (reason IN ('spam', 'harassment', 'threat', 'sexual_content', 'other'))
);

-- For lists of reports, and for the end of their retention.
CREATE INDEX reports_created_at_idx ON public.reports (created_at);
