-- Reports without their texts, oldest first, with the current handles of both users, if they exist.
-- $1 boolean: also resolved reports
SELECT reports.uuid, reports.reason, reports.created_at, reports.resolved_at,
       reports.reporter_uuid, reporter.handle AS reporter_handle,
       reports.sender_uuid, sender.handle AS sender_handle
FROM public.reports
LEFT JOIN public.users AS reporter ON reporter.uuid = reports.reporter_uuid
LEFT JOIN public.users AS sender ON sender.uuid = reports.sender_uuid
WHERE reports.resolved_at IS NULL OR $1
ORDER BY reports.created_at, reports.uuid
