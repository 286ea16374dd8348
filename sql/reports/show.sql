-- The reported message and those around it.
-- $1 uuid: the report
SELECT message_group_uuid, message_uuid, messages::text AS messages
FROM public.reports
WHERE uuid = $1
