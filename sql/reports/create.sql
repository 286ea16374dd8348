-- Stores a report, unless the user has reported the message before, or 50 messages in the last 24 hours. Returns the
-- report's uuid, and whether it is new; no row over the limit.
-- $1 uuid: the reporting user
-- $2 uuid: the group
-- $3 uuid: the reported message
-- $4 uuid: the message's sender
-- $5 text: the reason
-- $6 text: the messages as JSON
WITH made AS (
    INSERT INTO public.reports (reporter_uuid, message_group_uuid, message_uuid, sender_uuid, reason, messages)
    SELECT $1, $2, $3, $4, $5, $6::jsonb
    WHERE (
        SELECT count(*)
        FROM public.reports
        WHERE reporter_uuid = $1 AND created_at > now() - interval '24 hours'
    ) < 50
    ON CONFLICT DO NOTHING
    RETURNING uuid
)
SELECT uuid, true AS is_new FROM made
UNION ALL
SELECT uuid, false FROM public.reports WHERE reporter_uuid = $1 AND message_uuid = $3
