-- Deletes old reports.
-- $1 integer: the age in days
DELETE FROM public.reports
WHERE created_at < now() - make_interval(days => $1)
RETURNING uuid
