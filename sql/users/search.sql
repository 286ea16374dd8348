-- Up to 20 users whose handle or display name begins with a text (case-insensitive): first by handle, then by name.
-- Each branch reads at most 20 entries of its index.
-- $1 text: the beginning of the handle, not empty
-- $2 text: the beginning of the display name, not empty
-- $3 uuid: a user to leave out
WITH found AS (
    (
        SELECT uuid, handle, display_name, 1 AS place, lower(handle) AS sorted
        FROM public.users
        WHERE lower(handle) >= lower($1) AND lower(handle) < lower($1) || chr(1114111) AND uuid <> $3 AND erased_at IS NULL
        ORDER BY lower(handle)
        LIMIT 20
    )
    UNION ALL
    (
        SELECT uuid, handle, display_name, 2, lower(display_name) COLLATE "C"
        FROM public.users
        WHERE lower(display_name) COLLATE "C" >= lower($2) AND lower(display_name) COLLATE "C" < lower($2) || chr(1114111)
            AND NOT (lower(handle) >= lower($1) AND lower(handle) < lower($1) || chr(1114111))
            AND uuid <> $3 AND erased_at IS NULL
        ORDER BY lower(display_name) COLLATE "C"
        LIMIT 20
    )
)
SELECT uuid, handle, display_name
FROM found
ORDER BY place, sorted COLLATE "C", uuid
LIMIT 20
