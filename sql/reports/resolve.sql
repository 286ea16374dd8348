-- Marks a report as dealt with. A resolved report keeps its time.
-- $1 uuid: the report
UPDATE public.reports
SET resolved_at = coalesce(resolved_at, now())
WHERE uuid = $1
RETURNING uuid
